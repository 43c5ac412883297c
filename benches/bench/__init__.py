"""How gatepost is measured beside what people would use instead. `benches/run` is the door to it.

    run ─► main ─► options   what is asked for
                   install   what is missing (--install)
                   build     gatepost, load, app and relay
                   memory    at rest, start-up, idle connections
                   rounds    CPU per request, closed loop, peers in turn
                   latency   percentiles, open loop
                   reloads   mixed traffic while the configuration changes
                   growth    one thing at a time made larger (--growth)
                   result    one JSON file ─► summary ─► table, compare, docs, plots

Every one of them works on a `bed`: the app and the peers that run, pinned, with the same `Setup` for each. What differs
between peers is in `peers/`, one module and one template each. What is pure (proc, template, summary, table, compare) has
its tests in `tests/`.
"""
