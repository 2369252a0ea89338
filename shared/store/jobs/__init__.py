"""The only code that changes a job's state.

queued → running → succeeded | failed | cancelled, with paused from and to queued and running. Retrying and
resuming lead back to queued, or to running where a worker has not let go of the job yet.

- `submission`  creates jobs
- `schedule`    picks the jobs to announce, and finds what was lost
- `claims`      what a worker does to a job it holds
- `declining`   what follows when a worker lacks something that a job needs
- `steering`    what people do: cancel, pause, resume, retry, change the priority
- `trash`       what people delete, bring back, and what is purged in the end
- `locked`      jobs that a transaction has locked, and changes of these only; used by the others
- `fairness`    where owners and batches start in the order of being served; used by the others
- `others`      which workers else there are for a job; used by the others
- `outcomes`    what follows from the end of an attempt; used by the others
"""
