"""The page at ``/``: what this is, and the way to its doors. One HTML string, no assets, no script."""

from typing import Final

INDEX: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Haechi</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
code { background: #8882; padding: .1rem .3rem; border-radius: .2rem; }
:root { color-scheme: light dark; }
</style>
</head>
<body>
<h1>Haechi</h1>
<p>An OpenTelemetry collector for LLM applications. It takes spans, logs and metrics over OTLP (gRPC on port 4317,
HTTP on port 4318 by default) and answers SQL over them here.</p>
<h2>SQL</h2>
<p><code>/sql?query=SELECT …</code> speaks ClickHouse's HTTP interface, read-only. To begin with:</p>
<ul>
<li><a href="/sql?query=SHOW+TABLES">The tables</a></li>
<li><a href="/sql?query=DESCRIBE+TABLE+spans&amp;default_format=TabSeparated">The columns of <code>spans</code></a></li>
<li><a href="/sql?query=SELECT+request_model,count()+AS+spans,quantile(0.95)(duration_ns)/1e6+AS+p95_ms,sum(cost_usd)+\
AS+cost_usd+FROM+spans+WHERE+start_time+%3E+now()+-+3600+GROUP+BY+1+ORDER+BY+2+DESC+FORMAT+TSVWithNames">
Models of the last hour: spans, p95 latency, cost</a></li>
<li><a href="/sql?query=SELECT+start_time,service_name,name,request_model,duration_ns/1e6+AS+ms,status_code+FROM+spans+\
ORDER+BY+start_time+DESC+LIMIT+20+FORMAT+TSVWithNames">The newest 20 spans</a></li>
</ul>
<h2>State</h2>
<ul>
<li><a href="/readyz">/readyz</a>: whether every part works</li>
<li><a href="/metrics">/metrics</a>: the collector's own metrics, for Prometheus</li>
<li><a href="/healthz">/healthz</a>: whether this process lives</li>
</ul>
</body>
</html>
"""
