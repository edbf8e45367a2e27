      *> Writes a file of kj.cpy: zeros, greatest and least values, a
      *> negative zero, both alternatives of the address, and what a
      *> program computes itself. Header, data, trailer with totals.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. KJWRITE.
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
       01  W-COUNT      PIC 9(8) VALUE 0.
       01  W-GOKEI      PIC S9(15) VALUE 0.
       01  W-ZEI        PIC S9(13)V99 VALUE 0.
       01  W-NO         PIC 9(10) VALUE 0.
       01  W-HOW-MANY   PIC 9(8).
       01  W-ARGUMENT   PIC X(20).
       01  I            PIC 9(8).
       PROCEDURE DIVISION.
       MAIN-LINE.
           ACCEPT W-ARGUMENT FROM ARGUMENT-VALUE.
           MOVE FUNCTION NUMVAL(W-ARGUMENT) TO W-HOW-MANY.
           OPEN OUTPUT KJ-FILE.
           MOVE SPACES TO KJ-HEADER.
           MOVE "1" TO HD-KUBUN.
           MOVE 20261120 TO HD-SAKUSEI-YMD.
           MOVE "KOUZA" TO HD-SYSTEM.
           WRITE KJ-HEADER.
           PERFORM ALL-NOUGHT.
           PERFORM GREATEST.
           PERFORM LEAST.
           PERFORM NEGATIVE-ZERO.
           PERFORM ABROAD.
           PERFORM ORDINARY VARYING I FROM 6 BY 1
             UNTIL I > W-HOW-MANY.
           MOVE SPACES TO KJ-TRAILER.
           MOVE "8" TO TR-KUBUN.
           MOVE W-COUNT TO TR-KENSU.
           MOVE W-GOKEI TO TR-GOKEI.
           MOVE W-ZEI TO TR-ZEI.
           WRITE KJ-TRAILER.
           CLOSE KJ-FILE.
           STOP RUN.

       START-RECORD.
           ADD 1 TO W-NO.
           INITIALIZE KJ-REC REPLACING NUMERIC DATA BY 0
             ALPHANUMERIC DATA BY SPACE.
           MOVE SPACES TO KJ-REC(156:13).
           MOVE "2" TO KUBUN.
           MOVE W-NO TO 宛名番号.
           MOVE X"D4CFC0DE20C0DBB3" TO 氏名カナ.
           MOVE X"8E52936381409FBA93B9" TO 氏名漢字.
           MOVE "1" TO 性別.
           MOVE "1" TO JUSHO-KBN.
           MOVE SPACE TO FURAGU(1) FURAGU(2) FURAGU(3).

       FINISH-RECORD.
           ADD 1 TO W-COUNT.
           ADD KINGAKU TO W-GOKEI.
           ADD ZEIGAKU TO W-ZEI.
           WRITE KJ-REC.

       ALL-NOUGHT.
           PERFORM START-RECORD.
           MOVE 0 TO HENSHU.
           PERFORM FINISH-RECORD.

       GREATEST.
           PERFORM START-RECORD.
           MOVE 9999999 TO KINGAKU.
           MOVE 999999.99 TO ZEIGAKU.
           MOVE 99999 TO KEN-SU.
           MOVE 99999.99 TO ZANDAKA.
           MOVE 99999 TO SENTO BETSU-USHIRO BETSU-MAE.
           MOVE 9999 TO HAN FUGO-NASHI.
           MOVE 999999999 TO ZEN.
           MOVE 999999999999999999 TO CHO.
           MOVE 2147483647 TO JI-KOYU.
           COMPUTE MAN-EN = 9990000.
           COMPUTE RITSU = 0.00999.
           MOVE 20281231 TO SEINENGAPPI.
           MOVE 9999999 TO YUBIN.
           MOVE 99999 TO KENSU-N GAKU(1) GAKU(2) GAKU(3).
           MOVE "a" TO FURAGU(1).
           MOVE "b" TO FURAGU(2).
           MOVE "c" TO FURAGU(3).
           MOVE 99999.99 TO HENSHU.
           PERFORM FINISH-RECORD.

       LEAST.
           PERFORM START-RECORD.
           MOVE -9999999 TO KINGAKU.
           MOVE -999999.99 TO ZEIGAKU.
           MOVE -99999.99 TO ZANDAKA.
           MOVE -99999 TO SENTO BETSU-USHIRO BETSU-MAE.
           MOVE -9999 TO HAN.
           MOVE -999999999 TO ZEN.
           MOVE -999999999999999999 TO CHO.
           COMPUTE JI-KOYU = -2147483647 - 1.
           COMPUTE MAN-EN = -9990000.
           COMPUTE RITSU = -0.00999.
           MOVE 18680125 TO SEINENGAPPI.
           MOVE -99999 TO KENSU-N GAKU(1) GAKU(2) GAKU(3).
           MOVE -1 TO HENSHU.
           PERFORM FINISH-RECORD.

       NEGATIVE-ZERO.
           PERFORM START-RECORD.
           MOVE X"0000000D" TO KJ-REC(53:4).
           MOVE 0 TO HENSHU.
           PERFORM FINISH-RECORD.

       ABROAD.
           PERFORM START-RECORD.
           MOVE "2" TO 性別.
           MOVE "2" TO JUSHO-KBN.
           MOVE SPACES TO JUSHO-KOKUGAI.
           MOVE "BRA" TO KUNI.
           MOVE -7 TO KOKUGAI-NO.
           MOVE 12 TO HENSHU.
           PERFORM FINISH-RECORD.

       ORDINARY.
           PERFORM START-RECORD.
           COMPUTE KINGAKU = 5000 - I * 37.
           COMPUTE ZEIGAKU = KINGAKU * 0.1 + 0.05.
           COMPUTE KEN-SU = FUNCTION MOD(I, 99999).
           COMPUTE ZANDAKA = FUNCTION MOD(I, 90000) * -0.01.
           MOVE KEN-SU TO SENTO.
           COMPUTE BETSU-USHIRO = 0 - KEN-SU.
           MOVE BETSU-USHIRO TO BETSU-MAE.
           COMPUTE HAN = FUNCTION MOD(I, 9999) - 5000.
           COMPUTE ZEN = I * 17 - 400.
           COMPUTE CHO = I * 123456789 - 999999.
           MOVE 4321 TO FUGO-NASHI.
           COMPUTE JI-KOYU = 0 - I.
           COMPUTE MAN-EN = 120000.
           COMPUTE RITSU = -0.00123.
           MOVE 20010203 TO SEINENGAPPI.
           MOVE 0812345 TO YUBIN.
           MOVE I TO KENSU-N GAKU(1) GAKU(2).
           MOVE -3 TO GAKU(3).
           MOVE KINGAKU TO HENSHU.
           PERFORM FINISH-RECORD.
