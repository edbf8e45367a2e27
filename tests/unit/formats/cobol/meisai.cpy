      *  A request with its details: the table has as many as SU says.
       01  MEISAI-REC.
           03  KUBUN        PIC X(1).
           03  BANGO        PIC 9(5).
           03  SU           PIC 9(2) COMP-3.
           03  MEISAI       OCCURS 0 TO 12 TIMES DEPENDING ON SU
                            INDEXED BY IX.
               05  KOMOKU   PIC X(4).
               05  GAKU     PIC S9(5)V9 COMP-3.
               05  TANKA    PIC S9(3) COMP.
       01  MEISAI-END.
           03  END-KUBUN    PIC X(1).
           03  KENSU        PIC 9(5).
           03  GOKEI        PIC S9(9)V9 COMP-3.
