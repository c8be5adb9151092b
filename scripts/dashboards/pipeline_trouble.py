"""The lower half of the first dashboard: how far behind, what fails, what runs out."""

from scripts.dashboards.promql import OF_SERVICE, growth, growths, or_none
from scripts.dashboards.spec import GREEN, ORANGE, RED, Metric, Panel, Section

LAG = Section(
    title="Lag",
    panels=(
        Panel(
            kind="lines", title="Messages that wait, by consumer group and topic",
            shows="What the broker holds beyond the group's position; two monitors count once. Normal: near 0, a "
            "step after each burst.",
            do="a line that rises for minutes: its process is gone, hangs or is too slow.",
            runbook="SignaltapeNoProgress",
            queries=(
                Metric(
                    expr="sum by (consumergroup, topic) (max by (consumergroup, topic, partition) "
                    '(kafka_consumergroup_lag{consumergroup=~"$group"}))',
                    legend="{{consumergroup}} {{topic}}",
                ),
            ),
        ),
        Panel(
            kind="lines", title="Age of the oldest unread message, by consumer group and topic", unit="s",
            shows="How far behind the wall clock a group is. Normal: below a second.",
            do="as for the messages; retention is what makes it dangerous.", runbook="SignaltapeLagSeconds",
            queries=(
                Metric(
                    expr='max by (consumergroup, topic) (kafka_consumergroup_lag_seconds{consumergroup=~"$group"})',
                    legend="{{consumergroup}} {{topic}}",
                ),
            ),
        ),
        Panel(
            kind="lines", title="Messages that wait, as the processes see it",
            shows="Lag that each process reported in its last round, by topic. Normal: near 0. A process that hangs "
            "repeats its last number: the panels beside ask the broker.",
            do="differs from the broker's for long: the process hangs.", runbook="SignaltapeStageSilent",
            queries=(Metric(expr="sum by (topic) (signaltape_lag_messages)", legend="{{topic}}"),),
        ),
        Panel(
            kind="lines", title="Time until what is unread may expire, by group and topic", unit="s", width=12,
            shows="How long retention still keeps the oldest unread message. Normal: near the topic's retention.",
            do="below a day: bring the group's process back now, or lengthen the topic's retention.",
            runbook="SignaltapeRetentionNear",
            queries=(
                Metric(
                    expr="min by (consumergroup, topic) "
                    '(signaltape_retention_headroom_seconds{consumergroup=~"$group"})',
                    legend="{{consumergroup}} {{topic}}",
                ),
            ),
        ),
        Panel(
            kind="lines", title="Messages that expired before they were read", width=12,
            shows="What retention removed ahead of a group. Normal: 0.",
            do="they are lost to that group: it refuses to go on and names the repair command.",
            runbook="SignaltapeExpiredUnread",
            queries=(
                Metric(
                    expr='max by (consumergroup, topic) (signaltape_expired_unread_messages{consumergroup=~"$group"})',
                    legend="{{consumergroup}} {{topic}}",
                ),
            ),
        ),
    ),
)  # fmt: skip

ERRORS = Section(
    title="Errors",
    panels=(
        Panel(
            kind="stacked", title="Dead letters, by topic and reason",
            shows="Messages that could not be taken, in each stretch of time. Normal: none.",
            do="read one on `<topic>.dlq`: its headers say what is wrong with it; then see to the sender.",
            runbook="SignaltapeDeadLetters", queries=(growths("signaltape_dead_letters_total", "topic, code"),),
        ),
        Panel(
            kind="lines", title="Dead letters that are kept, by topic",
            shows="What lies on each dead-letter topic now. Normal: 0, or as many as you know of.",
            do="they stay until retention removes them: read them before.", runbook="SignaltapeDeadLetters",
            queries=(Metric(expr="max by (topic) (signaltape_dead_letters_kept)", legend="{{topic}}"),),
        ),
        Panel(
            kind="stacked", title="Errors and warnings in the logs, by service",
            shows="Lines that each process wrote, in each stretch of time. Normal: none, a few warnings at a start.",
            do="read that log: each line names the thing and what to do.", runbook="SignaltapeErrors",
            queries=(
                Metric(expr=growth("signaltape_errors_total", "service"), legend="{{service}} errors"),
                Metric(expr=growth("signaltape_warnings_total", "service"), legend="{{service}} warnings"),
            ),
        ),
        Panel(
            kind="stacked", title="Duplicates that were dropped, by topic",
            shows="Messages or rows seen before. Normal: none, some after a restart: they show that it works.",
            do="a steady stream: a feed sends twice, or a process starts again and again.",
            runbook="SignaltapeNoProgress", queries=(growths("signaltape_duplicates_total", "topic"),),
        ),
        Panel(
            kind="stacked", title="Late and corrected bars that await repair, by reason",
            shows="Requests to recompute what followed from a bar that changed. Normal: as many as corrections came.",
            do="`signaltape corrections list` shows them; the store works them off.", runbook="SignaltapeLateBars",
            queries=(growths("signaltape_repair_requests_total", "reason"),),
        ),
        Panel(
            kind="states", title="Dependencies, by service", least=0, most=1,
            words=((0, "away", RED), (1, "there", GREEN)),
            shows="What each service says of its dependencies and conditions. A standby of the drift agent or the "
            "responder is not active: normal.",
            do="bring the dependency back; the services go on by themselves.", runbook="SignaltapeDependencyDown",
            queries=(
                Metric(
                    expr=f"min by (service, dependency) (signaltape_dependency_up {OF_SERVICE})",
                    legend="{{service}} {{dependency}}",
                ),
            ),
        ),
        Panel(
            kind="states", title="Online store: behind the log?", least=0, most=1,
            words=((0, "current", GREEN), (1, "may be behind", RED)),
            shows="Whether vectors (feature agent) and newest signals (store) in Redis may be behind. Normal: current.",
            do="Redis away: it is repaired when it returns; otherwise `signaltape online rebuild`.",
            runbook="SignaltapeOnlineStale",
            queries=(
                Metric(expr="max(signaltape_online_stale)", legend="vectors"),
                Metric(expr="max(signaltape_signals_behind)", legend="newest signals"),
            ),
        ),
        Panel(
            kind="lines", title="Alerts that wait for a receiver, by sink",
            shows="Alerts not yet handed over to the webhook or file. Normal: 0. Where no sink is set there is only "
            "the line `none`.",
            do="`signaltape alerts list --state waiting` shows attempts and the last reason.",
            runbook="SignaltapeAlertsUndelivered",
            queries=(
                Metric(
                    expr=or_none("max by (sink) (signaltape_alert_deliveries_waiting)", "sink"), legend="{{sink}}"
                ),
            ),
        ),
    ),
)  # fmt: skip

SATURATION = Section(
    title="Saturation",
    panels=(
        Panel(
            kind="lines", title="Memory, by service", unit="bytes",
            shows="Resident memory of each process. Normal: level after the first minutes.",
            do="rises for hours: restart it, which costs seconds, and keep its log.", runbook="SignaltapeRestarts",
            queries=(Metric(expr=f"process_resident_memory_bytes {OF_SERVICE}", legend="{{service}} {{instance}}"),),
        ),
        Panel(
            kind="lines", title="CPU, by service", unit="percentunit",
            shows="Cores that each process keeps busy. Normal: well below 1; a process can use little more than one.",
            do="at 1 with lag: start one more instance, up to one for each partition.", runbook="SignaltapeLagSeconds",
            queries=(
                Metric(
                    expr=f"rate(process_cpu_seconds_total[$__rate_interval]) {OF_SERVICE}",
                    legend="{{service}} {{instance}}",
                ),
            ),
        ),
        Panel(
            kind="lines", title="Starts in the last hour, by service", steps=((None, GREEN), (3, RED)),
            shows="How often each process was started anew. Normal: 0.",
            do="its log's last lines before each start say why.", runbook="SignaltapeRestarts",
            queries=(
                Metric(
                    expr=f"sum by (service) (changes(process_start_time_seconds[1h]) {OF_SERVICE})",
                    legend="{{service}}",
                ),
            ),
        ),
        Panel(
            kind="lines", title="Disk that is free, by folder", unit="percentunit", least=0, most=1,
            steps=((None, RED), (0.1, ORANGE), (0.2, GREEN)),
            shows="Share of the space where the monitor's folders lie. Normal: above one fifth.",
            do="below one tenth: shorten retention or add space; Kafka and Postgres stop when it is full.",
            runbook="SignaltapeDiskLow",
            queries=(
                Metric(
                    expr="min by (folder) (signaltape_disk_free_bytes / signaltape_disk_bytes)", legend="{{folder}}"
                ),
            ),
        ),
        Panel(
            kind="lines", title="Size of the database", unit="bytes",
            shows="Tables and indexes of the warehouse. Normal: grows with bars and models, evenly.",
            do="compression and retention need the licence that has them: see the page on limits.",
            runbook="SignaltapeDiskLow",
            queries=(Metric(expr="max by (database) (signaltape_database_bytes)", legend="{{database}}"),),
        ),
        Panel(
            kind="lines", title="Age of each table's newest row", unit="s",
            shows="Time since the event time of what was written last. Normal: below the bars' interval in a session.",
            do="one table alone grows: the service that writes it.", runbook="SignaltapeStageSilent",
            queries=(Metric(expr="min by (table) (signaltape_newest_row_age_seconds)", legend="{{table}}"),),
        ),
    ),
)  # fmt: skip
