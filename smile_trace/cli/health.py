"""`smile-trace health`: for probes of systemd, Docker or Kubernetes."""


def health() -> None:
    """Exit 0 where a worker runs on the home and makes progress, else 1 with a sentence."""
    from smile_trace.settings import Settings
    from smile_trace.worker.lock import check_health

    print(check_health(Settings().home))
