000100*    口座情報連携ファイル　（総合試験用・架空）
000200 01  KJ-HEADER.
000300     05  HD-KUBUN            PIC X(1).
000400     05  HD-SAKUSEI-YMD      PIC 9(8).
000500     05  HD-SYSTEM           PIC X(8).
000600     05  FILLER              PIC X(151).
000700 01  KJ-REC.
000800     05  KUBUN               PIC X(1).
000900         88  データ          VALUE '2'.
001000     05  宛名番号            PIC 9(10).
001100     05  氏名カナ            PIC X(20).
001200     05  氏名漢字            PIC N(10).
001300     05  性別                PIC X(1).
001400         88  男              VALUE '1'.
001500         88  女              VALUE '2'.
001600         88  不明            VALUE '0' '3' THRU '9'.
001700     05  金額.
001800         10  KINGAKU         PIC S9(7)      COMP-3.
001900         10  ZEIGAKU         PIC S9(6)V99   USAGE COMP-3.
002000         10  KEN-SU          PIC 9(5)       PACKED-DECIMAL.
002100     05  ZANDAKA             PIC S9(5)V9(2).
002200     05  SENTO               PIC S9(5)      SIGN IS LEADING.
002300     05  BETSU-USHIRO        PIC S9(5)
002400                             SIGN TRAILING SEPARATE CHARACTER.
002500     05  BETSU-MAE           PIC S9(5) LEADING SEPARATE.
002600     05  HAN                 PIC S9(4)      COMP.
002700     05  ZEN                 PIC S9(9)      BINARY.
002800     05  CHO                 PIC S9(18)     COMP-4.
002900     05  FUGO-NASHI          PIC 9(4)       COMP.
003000     05  JI-KOYU             PIC S9(9)      COMP-5.
003100     05  MAN-EN              PIC S9(3)P(4).
003200     05  RITSU               PIC SVPP9(3).
003300     05  SEINENGAPPI         PIC 9(8).
003400     05  SEINENGAPPI-R       REDEFINES SEINENGAPPI.
003500         10  NEN             PIC 9(4).
003600         10  TSUKI           PIC 9(2).
003700         10  HI              PIC 9(2).
003800     05  JUSHO-KBN           PIC X(1).
003900     05  JUSHO-KOKUNAI.
004000         10  YUBIN           PIC 9(7).
004100         10  KENSU-N         PIC S9(5)      COMP-3.
004200     05  JUSHO-KOKUGAI       REDEFINES JUSHO-KOKUNAI.
004300         10  KUNI            PIC X(3).
004400         10  KOKUGAI-NO      PIC S9(3)      COMP-3.
004500     05  TSUKI-BETSU         OCCURS 3 TIMES.
004600         10  GAKU            PIC S9(5)      COMP-3.
004700         10  FURAGU          PIC X(1).
004800     05  HENSHU              PIC ZZ,ZZ9.99-.
004900     05  FILLER              PIC X(13).
005000 01  KJ-TRAILER.
005100     05  TR-KUBUN            PIC X(1).
005200     05  TR-KENSU            PIC 9(8).
005300     05  TR-GOKEI            PIC S9(15)     COMP-3.
005400     05  TR-ZEI              PIC S9(13)V99.
005500     05  FILLER              PIC X(136).
