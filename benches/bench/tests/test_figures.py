"""From rounds to figures, and the tables of them."""

import unittest

from bench import compare, dnsplan, docs, goals, growth, latency, machine, proc, summary, table, text


def entry(peer, number, micros, **more):
    return {"scenario": "small", "peer": peer, "round": number, "totalMicros": micros, "userMicros": micros / 2,
            "systemMicros": micros / 2, "perSecond": 1000, "good": 100, "failed": 0, "clientBusy": 0.5,
            "appBusy": 0.3, "besideBusy": 0.8, **more}


class Figures(unittest.TestCase):
    def test_the_ratio_is_that_of_pairs_so_that_a_slow_minute_falls_out(self):
        rounds = [entry("gatepost", n, 10 * slow) for n, slow in enumerate((1, 3, 1))]
        rounds += [entry("nginx", n, 20 * slow) for n, slow in enumerate((1, 3, 1))]
        ours = summary.rows(rounds)[0]
        self.assertEqual(ours["xNginx"], 0.5)
        self.assertIsNone(ours["xFloor"])
        self.assertTrue(ours["noisy"])

    def test_the_median_and_its_bounds(self):
        row = summary.rows([entry("nginx", n, value, failed=1) for n, value in enumerate((20, 22, 21))])[0]
        self.assertEqual((row["totalMicros"], row["lowest"], row["highest"], row["failed"]), (21, 20, 22, 3))
        self.assertFalse(row["noisy"])

    def test_no_ratio_stands_on_errors(self):
        row = summary.rows([entry("gatepost", 0, 1, failed=50), entry("nginx", 0, 20)])[0]
        self.assertTrue(row["wrong"])
        self.assertIsNone(row["xNginx"])

    def test_a_goal_that_is_missed_is_said_to_be(self):
        rounds = [entry("gatepost", 0, 7), entry("nginx", 0, 10), entry("envoy", 0, 20)]
        told = {row[0]: row[3] for row in goals.rows({"rounds": rounds})[1:]}
        self.assertEqual(told, {"small, CPU x nginx": "", "small, CPU x envoy": "MISSED"})

    def test_no_latency_is_judged_where_neither_kept_up(self):
        for ours, theirs, judged in ((True, True, 1), (False, True, 1), (True, False, 1), (False, False, 0)):
            turns = [{"peer": peer, "scenario": "small", "share": 60, "held": held, "latencyMicros": {"p99.9": 9}}
                       for peer, held in (("gatepost", ours), ("nginx", theirs))]
            self.assertEqual(len(goals.rows({"rounds": [], "latency": turns})) - 1, judged)

    def test_the_ratio_to_the_floor_is_taken_at_the_same_rate_too(self):
        turns = [{"peer": peer, "scenario": "small", "share": 60, "rate": 9, "held": True, "saturated": False, "failed": 0,
                    "totalMicros": micros, "latencyMicros": dict.fromkeys(("p50", "p90", "p99", "p99.9", "max"), 9)}
                   for peer, micros in (("gatepost", 12), ("nginx", 16), ("floor", 10))]
        told = {row[0]: row[2:] for row in goals.rows({"rounds": [], "latency": turns})[1:]}
        self.assertEqual(told["small at 60 %, the same rate, CPU x floor"], ["1.20", "MISSED"])
        self.assertEqual(table.latencies(turns)[1][7:10], ["12.0", "0.75", "1.20"])
        turns[0]["held"] = False
        self.assertEqual(table.latencies(turns)[1][7:10], ["–", "–", "–"])

    def test_of_several_turns_each_percentile_is_the_one_in_the_middle(self):
        def turn(tail, held=True):
            return {"held": held, "saturated": False, "failed": 1, "totalMicros": tail, "curve": [tail],
                    "latencyMicros": {"p50": 10 - tail, "p99.9": tail}}
        told = latency.middle([turn(1), turn(9), turn(2)])
        self.assertEqual((told["latencyMicros"], told["curve"]), ({"p50": 8, "p99.9": 2}, [2]))
        self.assertEqual((told["failed"], told["totalMicros"], told["turns"]), (3, 2, 3))
        late = latency.middle([turn(1), turn(9, held=False)])
        self.assertEqual((late["held"], late["failed"]), (False, 2))

    def test_a_change_within_the_spread_is_said_to_be_one(self):
        before = {"rounds": [entry("nginx", n, value) for n, value in enumerate((20, 22))]}
        for micros, within in ((21.5, True), (30, False)):
            after = {"rounds": [entry("nginx", 0, micros)]}
            (change,) = compare.changes(before, after)
            self.assertEqual(change["within"], within)

    def test_results_without_anything_in_common_are_told_so(self):
        self.assertIn("in common", compare.shown({"rounds": []}, {"rounds": []}))


class Growth(unittest.TestCase):
    def grown(self, what, *costs):
        return [entry("gatepost", 0, micros, scenario=f"{what} {at:,}", what=what, at=at, peakKib=2048)
                for at, micros in costs]

    def test_each_point_is_told_against_the_first(self):
        rows = growth.rows(self.grown("routes", (10, 8), (1000, 8), (100_000, 12)))["routes"]
        self.assertEqual([(row["at"], row["xFirst"], row["perMib"]) for row in rows],
                         [(10, 1.0, None), (1000, 1.0, None), (100_000, 1.5, None)])

    def test_a_body_is_told_by_the_mib(self):
        rows = growth.rows(self.grown("upload", (1024, 2), (1 << 30, 1 << 20)))["upload"]
        self.assertEqual([row["perMib"] for row in rows], [2048, 1024])

    def test_whatever_was_made_larger_has_a_title_a_way_and_its_ends_also_in_a_short_run(self):
        for what, points in growth.POINTS.items():
            self.assertIn(what, growth.PLAYS)
            found = table.tables({"rounds": [], "growth": self.grown(what, *((at, 1) for at in points))})
            self.assertEqual((found[0][0], len(found[0][1])), (growth.TITLES[what], 1 + len(points)))
            short = growth.points(what, quick=True)
            self.assertEqual((short[0], short[-1]), (points[0], points[-1]))
            self.assertLessEqual(len(short), 3)

    def test_a_plan_of_dns_is_told_against_the_fewest_nodes_of_its_kind(self):
        plans = [{"what": what, "nodes": nodes, "micros": micros}
                 for what, nodes, micros in (("all new", 10, 5), ("all new", 1000, 50), ("unchanged", 10, 2))]
        self.assertEqual([row["xFirst"] for row in dnsplan.rows(plans)], [1, 10, 1])
        (title, rows), = table.tables({"rounds": [], "dnsPlan": plans})
        self.assertEqual((title, rows[2]), (dnsplan.TITLE, ["all new, 1,000", "50.0", "10.0"]))

    def test_the_sizes_of_bodies_are_sizes_for_the_client(self):
        self.assertEqual(growth.body("upload", 1 << 30).flags[:2], ("--upload", "1073741824B"))
        self.assertEqual(growth.body("answer", 1024).path, "/bytes/1024")


class Texts(unittest.TestCase):
    def test_columns_stand_under_each_other(self):
        self.assertEqual(text.columns([["", "a"], ["peer", 10]]), "       a\npeer  10")

    def test_numbers_have_three_digits_that_count(self):
        self.assertEqual([text.number(value) for value in (1234.5, 12.34, 1.234, None)], ["1,234", "12.3", "1.23", "–"])

    def test_only_what_stands_between_the_markers_is_replaced(self):
        page = f"a\n{docs.BEGIN}\nold\n{docs.END}\nb"
        self.assertEqual(docs.between(page, "new"), f"a\n{docs.BEGIN}\n\nnew\n\n{docs.END}\nb")
        with self.assertRaises(SystemExit):
            docs.between("without markers", "new")


class Machine(unittest.TestCase):
    def test_who_measures_with_a_tcp_that_sends_by_timers_is_told_so(self):
        quiet = {"cpus": 2, "loadAtStart": 0.1, "congestion": "cubic"}
        self.assertEqual(machine.remarks(quiet), [])
        (remark,) = machine.remarks({**quiet, "congestion": "bbr"})
        self.assertIn("cubic", remark)

    def test_who_measures_beside_other_work_is_told_so(self):
        (remark,) = machine.remarks({"cpus": 2, "loadAtStart": 0.7})
        self.assertIn("busy", remark)


class Proc(unittest.TestCase):
    def test_a_name_with_brackets_does_not_move_the_fields(self):
        self.assertEqual(proc.ticks("7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 0 0 20 0 1 0"), (50, 60))

    def test_idle_is_that_of_the_cpus_that_are_asked_for(self):
        stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 0 1 5 1 0 0 2 0 0\ncpu1 10 0 0 0 0 0 0 0 0 0\ncpu10 7 7 7 7 7 7 7 7 0 0\n"
        self.assertEqual((proc.idle(stat, {0}), proc.idle(stat, {0, 1})), ((6, 10), (6, 20)))

    def test_memory_is_the_line_of_that_name(self):
        rollup = "55aab4060000-7fff3857d000 ---p 00000000 00:00 0 [rollup]\nRss:  1788 kB\nPss:  373 kB\nPss_Dirty: 148 kB\n"
        self.assertEqual((proc.kib(rollup, "Rss"), proc.kib(rollup, "Pss"), proc.kib(rollup, "Swap")), (1788, 373, 0))
