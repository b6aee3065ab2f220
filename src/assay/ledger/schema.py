"""The tables of the ledger, and what happens when a run folder of another version is opened.

A trial is one row for ever: planned, leased by a worker, then ok, failed or skipped. Numbers live in JSON columns whose
shape is that of `assay.outcome`; per-item predictions live in Parquet beside the ledger.
"""

from __future__ import annotations

from sqlalchemy import Column, Engine, Float, Integer, MetaData, String, Table, Text, create_engine, event, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from assay.errors import StoreError

SCHEMA_VERSION = 1
BUSY_SECONDS = 60

metadata = MetaData()

about = Table("about", metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

trials = Table(
    "trials",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("draw_key", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_revision", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("data_revision", Text, nullable=False),
    Column("method", String(64), nullable=False),
    Column("params", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("split", Text, nullable=False),
    Column("subtask", Text),
    Column("per_class", Integer),
    Column("draw", Integer, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("smoke", Integer, nullable=False, default=0),
    Column("status", String(16), nullable=False, index=True),
    Column("owner", Text),
    Column("lease_until", Float),
    Column("fence", Integer, nullable=False, default=0),
    Column("scores", Text),
    Column("history", Text),
    Column("predictions", String(64)),
    Column("seconds", Float),
    Column("feature_seconds", Float),
    Column("peak_bytes", Integer),
    Column("flops", Float),
    Column("joules", Float),
    Column("device", Text),
    Column("error", Text),
    Column("provenance", Text),
    Column("environment", String(64)),
    Column("corrects", String(64)),
    Column("finished", Float),
)

records = Table(
    "records",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


def connect(url: str) -> Engine:
    """An engine for any SQLAlchemy URL; SQLite in WAL, with immediate transactions and a busy timeout.

    A SQLite file is closed after each transaction, so that nobody has to close a ledger.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    def configure(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.close()

    event.listen(engine, "connect", configure)
    # The driver's own begin is deferred: two writers that read first would then fail instead of waiting.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def prepare(engine: Engine, *, place: str) -> None:
    """Create the tables where they are missing.

    Raises:
        StoreError: when the ledger was written by a newer version, or is damaged.
    """
    try:
        if inspect(engine).has_table("about"):
            _check_version(engine, place)
            return
        with engine.begin() as connection:
            metadata.create_all(connection)
            present = connection.execute(about.select().where(about.c.name == "schema")).first()
            if present is None:
                connection.execute(about.insert().values(name="schema", value=str(SCHEMA_VERSION)))
    except SQLAlchemyError as error:
        raise StoreError(f"{place} cannot be read as a ledger: {getattr(error, 'orig', error)}") from error


def _check_version(engine: Engine, place: str) -> None:
    with engine.connect() as connection:
        row = connection.execute(about.select().where(about.c.name == "schema")).first()
    version = int(row.value) if row is not None else 0
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{place} was written by a newer version of Assay (ledger schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); upgrade with: pip install --upgrade assay"
        )
