      *> Writes records with 0 to 12 details: after each, how many.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. MEISAIW.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT M-FILE ASSIGN TO "MFILE" ORGANIZATION SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD  M-FILE.
           COPY "meisai.cpy".
       WORKING-STORAGE SECTION.
       01  I            PIC 9(5).
       01  J            PIC 9(5).
       01  W-GOKEI      PIC S9(9)V9 VALUE 0.
       PROCEDURE DIVISION.
           OPEN OUTPUT M-FILE.
           PERFORM VARYING I FROM 0 BY 1 UNTIL I > 12
             MOVE "2" TO KUBUN
             MOVE I TO BANGO SU
             PERFORM VARYING J FROM 1 BY 1 UNTIL J > I
               MOVE "K" TO KOMOKU(J)
               MOVE J TO KOMOKU(J)(2:3)
               COMPUTE GAKU(J) = I - J * 1.5
               COMPUTE TANKA(J) = J - I
               ADD GAKU(J) TO W-GOKEI
             END-PERFORM
             WRITE MEISAI-REC
           END-PERFORM.
           MOVE "8" TO END-KUBUN.
           MOVE 13 TO KENSU.
           MOVE W-GOKEI TO GOKEI.
           WRITE MEISAI-END.
           CLOSE M-FILE.
           STOP RUN.
