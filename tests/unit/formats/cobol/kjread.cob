      *> Reads a file of kj.cpy and shows every item of each data
      *> record as COBOL itself understands it, one a line.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. KJREAD.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT KJ-FILE ASSIGN TO "KJFILE"
             ORGANIZATION SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD  KJ-FILE.
           COPY "kj.cpy".
       WORKING-STORAGE SECTION.
       01  W-END        PIC X VALUE "N".
       01  W-MAN-EN     PIC S9(9).
       01  W-RITSU      PIC S9V9(5).
       PROCEDURE DIVISION.
       MAIN-LINE.
           OPEN INPUT KJ-FILE.
           PERFORM UNTIL W-END = "Y"
             READ KJ-FILE AT END MOVE "Y" TO W-END
               NOT AT END PERFORM SHOW
             END-READ
           END-PERFORM.
           CLOSE KJ-FILE.
           STOP RUN.

       SHOW.
           EVALUATE KUBUN
             WHEN "1"
               DISPLAY "HD-SAKUSEI-YMD=" HD-SAKUSEI-YMD
               DISPLAY "HD-SYSTEM=" HD-SYSTEM
             WHEN "2" PERFORM SHOW-DATA
             WHEN "8"
               DISPLAY "TR-KENSU=" TR-KENSU
               DISPLAY "TR-GOKEI=" TR-GOKEI
               DISPLAY "TR-ZEI=" TR-ZEI
             WHEN OTHER DISPLAY "?=" KUBUN
           END-EVALUATE.

       SHOW-DATA.
           DISPLAY "ATENA=" 宛名番号.
           DISPLAY "KANA=" 氏名カナ.
           DISPLAY "KANJI=" 氏名漢字.
           IF 男 DISPLAY "SEI=MAN" END-IF.
           IF 女 DISPLAY "SEI=WOMAN" END-IF.
           DISPLAY "KINGAKU=" KINGAKU.
           DISPLAY "ZEIGAKU=" ZEIGAKU.
           DISPLAY "KEN-SU=" KEN-SU.
           DISPLAY "ZANDAKA=" ZANDAKA.
           DISPLAY "SENTO=" SENTO.
           DISPLAY "BETSU-USHIRO=" BETSU-USHIRO.
           DISPLAY "BETSU-MAE=" BETSU-MAE.
           DISPLAY "HAN=" HAN.
           DISPLAY "ZEN=" ZEN.
           DISPLAY "CHO=" CHO.
           DISPLAY "FUGO-NASHI=" FUGO-NASHI.
           DISPLAY "JI-KOYU=" JI-KOYU.
           COMPUTE W-MAN-EN = MAN-EN.
           COMPUTE W-RITSU = RITSU.
           DISPLAY "MAN-EN=" W-MAN-EN.
           DISPLAY "RITSU=" W-RITSU.
           DISPLAY "SEINENGAPPI=" SEINENGAPPI.
           DISPLAY "JUSHO-KBN=" JUSHO-KBN.
           IF JUSHO-KBN = "1"
             DISPLAY "YUBIN=" YUBIN
             DISPLAY "KENSU-N=" KENSU-N
           ELSE
             DISPLAY "KUNI=" KUNI
             DISPLAY "KOKUGAI-NO=" KOKUGAI-NO
           END-IF.
           DISPLAY "GAKU(1)=" GAKU(1).
           DISPLAY "GAKU(3)=" GAKU(3).
           DISPLAY "FURAGU(2)=" FURAGU(2).
           DISPLAY "HENSHU=" HENSHU.
