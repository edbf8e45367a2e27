      *> Shows each record and its details as COBOL reads them.
       IDENTIFICATION DIVISION.
       PROGRAM-ID. MEISAIR.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT M-FILE ASSIGN TO "MFILE" ORGANIZATION SEQUENTIAL.
       DATA DIVISION.
       FILE SECTION.
       FD  M-FILE.
           COPY "meisai.cpy".
       WORKING-STORAGE SECTION.
       01  W-END        PIC X VALUE "N".
       01  J            PIC 9(5).
       PROCEDURE DIVISION.
           OPEN INPUT M-FILE.
           PERFORM UNTIL W-END = "Y"
             READ M-FILE AT END MOVE "Y" TO W-END
               NOT AT END
                 IF KUBUN = "8"
                   DISPLAY KENSU " " GOKEI
                 ELSE
                   PERFORM SHOW
                 END-IF
             END-READ
           END-PERFORM.
           CLOSE M-FILE.
           STOP RUN.

       SHOW.
           DISPLAY BANGO " " SU.
           PERFORM VARYING J FROM 1 BY 1 UNTIL J > SU
             DISPLAY BANGO " " KOMOKU(J) " " GAKU(J) " " TANKA(J)
           END-PERFORM.
