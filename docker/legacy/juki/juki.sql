-- 住民記録: every version of every person (個人履歴), and the view that the hub may read (個人現在).
\getenv pull_password pull_password
CREATE ROLE renkei_pull LOGIN PASSWORD :'pull_password';
ALTER ROLE renkei_pull SET default_transaction_read_only = on;
CREATE SCHEMA juki;
CREATE TABLE juki.kojin_rireki (
    atena_no char(10) NOT NULL,
    rireki_no integer NOT NULL,
    setai_no char(10) NOT NULL,
    jumin_shubetsu char(1) NOT NULL,
    jumin_jotai char(1) NOT NULL,
    shimei varchar(80) NOT NULL,
    shimei_kana varchar(120) NOT NULL,
    kyu_uji varchar(40),
    tsusho varchar(80),
    seibetsu char(1) NOT NULL,
    seinengappi char(8) NOT NULL,
    seinengappi_hyoki varchar(72),
    zokugara char(2) NOT NULL,
    shikuchoson_cd char(6) NOT NULL,
    machiaza varchar(80) NOT NULL,
    banchi varchar(60) NOT NULL,
    katagaki varchar(80),
    yubin_no char(7) NOT NULL,
    jutei_ymd char(8) NOT NULL,
    ido_jiyu char(2) NOT NULL,
    ido_ymd char(8) NOT NULL,
    todoke_ymd char(8) NOT NULL,
    shibo_ymd char(8),
    tenshutsu_ymd char(8),
    tennyu_ymd char(8),
    shien_kbn char(1) NOT NULL,
    koshin_ts timestamp(6) NOT NULL,
    sosa_id varchar(10) NOT NULL,
    tanmatsu_id varchar(10) NOT NULL,
    zairyu_shikaku char(2),
    zairyu_manryo_ymd char(8),
    tenshutsu_yotei_ymd char(8),
    tennyu_tsuchi_ymd char(8),
    zairyu_shikaku char(2),
    zairyu_manryo_ymd char(8),
    tenshutsu_yotei_ymd char(8),
    tennyu_tsuchi_ymd char(8),
    PRIMARY KEY (atena_no, rireki_no)
);
CREATE VIEW juki.kojin_genzai AS
SELECT DISTINCT ON (atena_no) *
FROM juki.kojin_rireki
ORDER BY atena_no, rireki_no DESC;
GRANT USAGE ON SCHEMA juki TO renkei_pull;
GRANT SELECT ON juki.kojin_genzai TO renkei_pull;
