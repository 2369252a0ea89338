"""SQL: the truth about every job. Tables, transactions, events, and `jobs`, the only code that changes a job's state."""

from shared.store.session import Store as Store
from shared.store.session import is_away as is_away
from shared.store.session import now as now
