"""The contests of the links still reach the connectors that they measure."""

import json

import pytest
from bench import links_sftp


@pytest.mark.timeout(120)
def test_a_small_file_goes_each_way_over_sftp(capsys: pytest.CaptureFixture[str]) -> None:
    links_sftp.measure(megabytes=4, rounds=1)

    stages = {json.loads(line)["stage"] for line in capsys.readouterr().out.splitlines()}
    assert {"sftp_get", "sftp_get_asyncssh_wire", "sftp_put_size_only", "sftp_put_read_back"} <= stages
