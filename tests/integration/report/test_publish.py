from pathlib import Path
import sqlalchemy as sa
from renkei.report import publish
from tests.integration.report.seeded import AS_OF, NOW, Stub, seed

def test_x(registry: sa.Engine, tmp_path: Path) -> None:
    seed(registry)
    done = publish(registry, project=Stub(tmp_path, tmp_path / "var"), as_of=AS_OF, out=Path("/tmp/rep/out"), actor="cli:test", now=NOW)
    print(done)
    print((done.files[0]).read_text("utf-8-sig"))
