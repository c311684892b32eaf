"""The stated model of the AI jobs is what it says, and near the trace that it was fitted to."""

import math
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/demo"))

import workload

UNCOMPRESSED = workload.Compression(window=1e6, divisor=1, shortest=0, longest=1e9)


class ModelTest(unittest.TestCase):
    def test_the_same_seed_makes_the_same_tasks_and_another_makes_others(self):
        one = workload.from_model(50, 7, workload.Compression())
        self.assertEqual(one, workload.from_model(50, 7, workload.Compression()))
        self.assertNotEqual(one, workload.from_model(50, 8, workload.Compression()))

    def test_run_times_have_the_traces_points(self):
        run_times = sorted(task.run_time for task in workload.from_model(40000, 1, UNCOMPRESSED))
        for at, expected in ((0.1, 167), (0.5, 540), (0.9, 6574)):
            self.assertAlmostEqual(math.log(run_times[int(len(run_times) * at)] / expected), 0, delta=0.06)

    def test_sizes_have_the_traces_shares(self):
        tasks = workload.from_model(40000, 2, UNCOMPRESSED)
        total = sum(workload.GPU_COUNTS.values())
        for gpus, count in workload.GPU_COUNTS.items():
            share = sum(task.gpus == gpus for task in tasks) / len(tasks)
            self.assertAlmostEqual(share, count / total, delta=0.01)

    def test_arrivals_are_as_uneven_as_the_traces_and_fill_the_window(self):
        tasks = workload.from_model(40000, 3, UNCOMPRESSED)
        self.assertAlmostEqual(workload.figures(tasks[:5000])["gap_variation"], workload.GAP_VARIATION, delta=0.1)
        self.assertAlmostEqual(tasks[-1].arrival, UNCOMPRESSED.window, delta=1)
        self.assertEqual(tasks, sorted(tasks, key=lambda task: task.arrival))

    def test_a_task_asks_for_whole_gpus_or_a_part_of_one(self):
        for task in workload.from_model(2000, 4, workload.Compression()):
            self.assertTrue((task.gpus > 0) != (task.gpu_milli > 0))
            self.assertLess(task.gpu_milli, 1000)

    def test_compression_keeps_run_times_within_bounds(self):
        compression = workload.Compression(divisor=100, shortest=2, longest=30)
        self.assertEqual([compression.run_time(seconds) for seconds in (1, 1000, 1e9)], [2, 10, 30])

    def test_a_job_document_says_how_long_the_hollow_task_runs(self):
        document = workload.job_document(3, workload.Task(0, 0, 460, 1.5), "research")
        self.assertEqual(document["environment"], {"SWITCHYARD_SIM_RUN_MS": "1500"})
        self.assertEqual(document["resources"]["gpu_share"], "46%")
        self.assertNotIn("gpus", document["resources"])
        self.assertEqual(workload.job_document(3, workload.Task(0, 8, 0, 1.5), "research")["resources"]["gpus"], 8)


class TraceTest(unittest.TestCase):
    HEAD = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"

    def write(self, text):
        folder = tempfile.mkdtemp()
        self.addCleanup(lambda: (os.remove(os.path.join(folder, workload.TRACE_FILE)), os.rmdir(folder)))
        with open(os.path.join(folder, workload.TRACE_FILE), "w") as file:
            file.write(self.HEAD + text)
        return folder

    def test_tasks_keep_their_order_and_rhythm(self):
        folder = self.write("b,1,1,1,1000,,LS,Running,5000300,5001300,\na,1,1,1,460,,LS,Running,5000000,5000100,\nc,1,1,0,0,,LS,Running,1,2,\n")
        tasks = workload.from_trace(folder, 10, workload.Compression(window=40, divisor=10, shortest=1, longest=50))
        self.assertEqual(tasks, [workload.Task(0, 0, 460, 10), workload.Task(40, 1, 0, 50)])

    def test_a_list_without_gpu_tasks_is_refused(self):
        with self.assertRaisesRegex(ValueError, "no GPU task"):
            workload.from_trace(self.write("c,1,1,0,0,,LS,Running,1,2,\n"), 10, workload.Compression())

    def test_the_models_figures_are_the_real_lists(self):
        folder = os.path.join(os.environ.get("SWITCHYARD_TRACES", ""), "alibaba-gpu-2023")
        if not os.path.exists(os.path.join(folder, workload.TRACE_FILE)):
            self.skipTest(f"SWITCHYARD_TRACES names no folder with alibaba-gpu-2023/{workload.TRACE_FILE}: the model is not compared with the trace")
        tasks = workload.from_trace(folder, 10**6, UNCOMPRESSED)
        figures = workload.figures(tasks)
        self.assertAlmostEqual(figures["gap_variation"], workload.GAP_VARIATION, delta=0.05)
        share = sum(task.gpus == 0 for task in tasks) / len(tasks)
        self.assertAlmostEqual(share, workload.GPU_COUNTS[0] / sum(workload.GPU_COUNTS.values()), delta=0.05)
        self.assertAlmostEqual(math.log(figures["run_time_s"]["p50"] / workload.RUN_TIME_P50), 0, delta=0.3)


class RunTimeTest(unittest.TestCase):
    def test_the_median_and_both_outer_points_are_exact(self):
        for normal, expected in ((0, 540), (workload.Z90, 6574), (-workload.Z90, 167)):
            self.assertAlmostEqual(workload.run_time_of(normal), expected, places=6)

    def test_a_longer_normal_is_never_a_shorter_run(self):
        normals = sorted(random.Random(5).gauss(0, 2) for _ in range(1000))
        run_times = [workload.run_time_of(normal) for normal in normals]
        self.assertEqual(run_times, sorted(run_times))


if __name__ == "__main__":
    unittest.main()
