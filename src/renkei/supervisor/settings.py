"""How our Airflow is set up: one private airflow.cfg, and an environment without secrets."""

import configparser
import io
import os
import sys
from pathlib import Path

import renkei
from renkei.supervisor.places import Places, administrator, secret_of, write_private

#: Tasks at once. Sources are throttled by pools, so this only bounds memory (about 10 MB each when idle).
PARALLELISM = 8
#: Seconds after which a running task that says nothing counts as lost.
TASK_SILENCE = 60


def write_configuration(places: Places, *, root: Path, database: str, port: int) -> None:
    """Write airflow.cfg, readable by its owner only."""
    text = io.StringIO()
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_dict(_sections(places, root=root, database=database, port=port))
    parser.write(text)
    write_private(places.configuration, text.getvalue())


def environment(places: Places, *, root: Path, timed: bool = True) -> dict[str, str]:
    """The parts' environment: ours without other Airflow settings, without proxies, without telemetry."""
    kept = {name: value for name, value in os.environ.items() if not _unwanted(name)}
    source = str(Path(renkei.__file__).parents[1])
    return kept | {
        "AIRFLOW_HOME": str(places.airflow),
        "AIRFLOW_CONFIG": str(places.configuration),
        "RENKEI_PROJECT": str(root),
        "RENKEI_VAR": str(places.var),
        "RENKEI_TIMED": "1" if timed else "0",
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH")))),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "NO_PROXY": "*",
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        # glibc otherwise keeps an arena per thread and never gives it back
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
    }


def _unwanted(name: str) -> bool:
    # without byte code on disk every part and every parse compiles half of Airflow anew
    return (
        name.startswith(("AIRFLOW_", "_AIRFLOW_"))
        or name.lower().endswith("_proxy")
        or name == "PYTHONDONTWRITEBYTECODE"
    )


def _sections(places: Places, *, root: Path, database: str, port: int) -> dict[str, dict[str, str]]:
    name, _ = administrator(places)
    token = secret_of(places.airflow / "token.secret")
    return {
        "core": {
            "dags_folder": str(root / "dags"),
            "plugins_folder": str(places.airflow / "plugins"),
            "executor": "LocalExecutor",
            "parallelism": str(PARALLELISM),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "default_timezone": "Asia/Tokyo",
            "simple_auth_manager_users": f"{name}:admin",
            "simple_auth_manager_passwords_file": str(places.sign_in),
            "execution_api_server_url": f"http://127.0.0.1:{port}/execution/",
            "min_serialized_dag_update_interval": "5",
            "fernet_key": "",
        },
        "database": _database(database),
        "api": {
            "host": "127.0.0.1",
            "port": str(port),
            "base_url": f"http://127.0.0.1:{port}",
            "workers": "1",
            "secret_key": secret_of(places.airflow / "api.secret"),
            "expose_config": "False",
        },
        "api_auth": {"jwt_secret": token, "jwt_issuer": "renkei"},
        "execution_api": {"jwt_expiration_time": "7200"},
        # an ended task keeps its slot until the next heartbeat is due (5 s by default)
        # a task must outlive the half minute that a new API server needs
        "workers": {"min_heartbeat_interval": "1", "max_failed_heartbeats": "45"},
        "scheduler": {
            "task_instance_heartbeat_timeout": str(TASK_SILENCE),
            "orphaned_tasks_check_interval": "30",
            "scheduler_idle_sleep_time": "0.5",
            "enable_health_check": "False",
        },
        "dag_processor": {
            "min_file_process_interval": "60",
            "refresh_interval": "60",
            "parsing_processes": "1",
            "print_stats_interval": "0",
        },
        "logging": {
            "base_log_folder": str(places.log / "tasks"),
            "logging_level": "INFO",
            "dag_processor_child_process_log_directory": str(places.log / "dag_processor"),
        },
        "usage_data_collection": {"enabled": "False"},
        "openlineage": {"disabled": "True"},
    }


def _database(url: str) -> dict[str, str]:
    """Airflow's own two drivers for one address."""
    if not url.startswith("postgresql"):
        return {"sql_alchemy_conn": url}
    rest = url.partition("://")[2]
    return {
        "sql_alchemy_conn": f"postgresql+psycopg2://{rest}",
        "sql_alchemy_conn_async": f"postgresql+asyncpg://{rest}",
        "sql_alchemy_pool_size": "4",
        "sql_alchemy_max_overflow": "8",
    }
