// The program `switchyard` as users and scripts run it, against a scripted scheduler.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "client/cli/table.h"
#include "tests/client/cli/process.h"
#include "tests/client/fake_scheduler.h"

namespace switchyard::client::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kProgram = SWITCHYARD_BINARY_DIR "/bin/switchyard";
constexpr const char* kJobFile =
    "kind: training\nname: train\ntenant: research\nresources: {cpus: 1}\ncommand: [\"true\"]\n";

class CommandLineTest : public testing::Test {
 protected:
  Process Start(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), kProgram);
    return Process(words,
                   {{"SWITCHYARD_SERVER", scheduler_.address()},
                    {"HOME", scheduler_.folder()},
                    {"XDG_CONFIG_HOME", scheduler_.folder()}},
                   input);
  }
  ProcessResult Run(std::vector<std::string> words, const std::string& input = "") {
    return Start(std::move(words), input).Wait();
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = scheduler_.folder() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  template <typename Message>
  static Message FromJson(const std::string& json) {
    Message message;
    const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << json;
    return message;
  }

  FakeScheduler scheduler_;
};

TEST_F(CommandLineTest, HelpAndVersionSucceedAndListTheVerbs) {
  const ProcessResult help = Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* verb :
       {"submit", "jobs",   "job",      "cancel",  "wait",      "explain",        "logs",   "nodes",
        "node",   "cordon", "uncordon", "drain",   "undrain",   "orphans",        "orphan", "quarantine",
        "token",  "sites",  "site",     "budgets", "alarms",    "why-not-rising", "plans",  "tenants",
        "tenant", "events", "top",      "check",   "completion"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("  ") + verb + " ")) << verb;
    EXPECT_EQ(Run({verb, "--help"}).exit_code, 0) << verb;
  }
  const ProcessResult version = Run({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, HasSubstr("switchyard "));
}

TEST_F(CommandLineTest, UsageErrorsExitWithTwo) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"frobnicate"},
                                                       {"jobs", "--state", "runing"},
                                                       {"job"},
                                                       {"job", "x"},
                                                       {"wait", "17", "--timeout", "5"},
                                                       {"jobs", "-o", "xml"},
                                                       {"node"},
                                                       {"node", "admit", "s/n"},
                                                       {"orphan"},
                                                       {"orphan", "stop", "x"},
                                                       {"completion", "fish"},
                                                       {"logs", "17/a/b/c"},
                                                       {"events", "--since", "yesterday"},
                                                       {"--call-timeout", "5", "jobs"},
                                                       {"submit"}};
  for (const std::vector<std::string>& words : wrong) {
    const ProcessResult result = Run(words);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(words) << result.err;
    EXPECT_THAT(result.err, Not(IsEmpty()));
    EXPECT_THAT(result.out, IsEmpty());
  }
  EXPECT_THAT(Run({"node", "lost", "s/n"}).err,
              HasSubstr("its devices are off or gone; look, then repeat it with --checked"));
  EXPECT_THAT(scheduler_.node_actions, IsEmpty());
}

TEST_F(CommandLineTest, ARefusalIsPrintedInTheSchedulersWordsAndExitsWithOne) {
  const ProcessResult result = Run({"job", "99"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "job \"99\": does not exist; list them\n");
  EXPECT_THAT(result.out, IsEmpty());
}

TEST_F(CommandLineTest, AnAbsentSchedulerIsNamedAfterTheCallTimeout) {
  const ProcessResult result = Run({"--server", "unix:/nonexistent/socket", "--call-timeout", "200ms", "jobs"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("server \"unix:/nonexistent/socket\": unavailable"));
}

TEST_F(CommandLineTest, SubmitPrintsIdsAndSendsTheKeyAndOverrides) {
  const std::string file = Write("job.yaml", kJobFile);
  const ProcessResult result = Run({"submit", file, file, "--key", "monday", "--set", "name=night"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "17\n18\n");
  ASSERT_EQ(scheduler_.submits.size(), 1U);
  EXPECT_EQ(scheduler_.submits[0].idempotency_key(), "monday");
  EXPECT_EQ(scheduler_.submits[0].jobs(1).name(), "night");
}

TEST_F(CommandLineTest, SubmitReadsStandardInputAndPrintsTheResponseAsJson) {
  const ProcessResult result = Run({"submit", "-", "-o", "json"}, kJobFile);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(FromJson<v1::SubmitResponse>(result.out).job_ids(), ElementsAre(17U));
}

TEST_F(CommandLineTest, SubmitWithAWrongFileSendsNothing) {
  const std::string good = Write("good.yaml", kJobFile);
  const std::string bad = Write("bad.yaml", "kind: training\nname: train\ntenat: research\n");
  const ProcessResult result = Run({"submit", good, bad});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("bad.yaml:3:1:"));
  EXPECT_THAT(scheduler_.submits, IsEmpty());
}

TEST_F(CommandLineTest, SubmitWithWaitExitsWithThreeIfTheJobFails) {
  const std::string file = Write("job.yaml", kJobFile);
  scheduler_.watches = {{{JobMessage(MakeJob(17, v1::FAILED, 500))}, false, grpc::Status::OK}};
  const ProcessResult result = Run({"submit", "--wait", file});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, HasSubstr("17\n"));
  EXPECT_THAT(result.err, HasSubstr("job \"17\": failed: worker/0 ended with exit code 7"));
}

TEST_F(CommandLineTest, WaitExitsByHowItEnded) {
  scheduler_.PutJob(MakeJob(17, v1::SUCCEEDED));
  scheduler_.PutJob(MakeJob(18, v1::CANCELLED));
  scheduler_.PutJob(MakeJob(19, v1::RUNNING));
  EXPECT_EQ(Run({"wait", "17"}).exit_code, 0);
  EXPECT_EQ(Run({"wait", "17", "j18"}).exit_code, 3);
  EXPECT_EQ(Run({"wait", "18", "--for", "cancelled"}).exit_code, 0);
  EXPECT_EQ(Run({"wait", "19", "--for", "running"}).exit_code, 0);
  const ProcessResult late = Run({"wait", "19", "--timeout", "50ms"});
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_THAT(late.err, HasSubstr("1 of 1 jobs not there when the time was over: 19"));
  const auto waited = FromJson<v1::ListJobsResponse>(Run({"wait", "17", "-o", "json"}).out);
  EXPECT_EQ(waited.jobs(0).state(), v1::SUCCEEDED);
}

TEST_F(CommandLineTest, JobsFiltersAndMergesPagesIntoOneDocument) {
  scheduler_.page_bound = 2;
  for (uint64_t id = 1; id <= 5; ++id) scheduler_.PutJob(MakeJob(id, id == 3 ? v1::RUNNING : v1::PENDING));
  const auto all = FromJson<v1::ListJobsResponse>(Run({"jobs", "-o", "json"}).out);
  EXPECT_EQ(all.jobs_size(), 5);
  EXPECT_TRUE(all.next_page_token().empty());
  const ProcessResult running = Run({"jobs", "--state", "running"});
  EXPECT_THAT(running.out, AllOf(HasSubstr("ID  NAME"), HasSubstr(" 3  train"), Not(HasSubstr(" 4  train"))));
  EXPECT_THAT(Run({"jobs", "-o", "wide"}).out, HasSubstr("PRINCIPAL"));
  EXPECT_THAT(Run({"-o", "yaml", "jobs"}).out, HasSubstr("state: RUNNING"));
}

TEST_F(CommandLineTest, APipeGetsPlainWholeLines) {
  v1::Job job = MakeJob(17, v1::PENDING);
  job.mutable_pending()->set_text(std::string(300, 'x'));
  scheduler_.PutJob(job);
  const ProcessResult result = Run({"jobs"});
  EXPECT_THAT(result.out, AllOf(HasSubstr(std::string(300, 'x')), Not(HasSubstr("\x1b"))));
}

TEST_F(CommandLineTest, ATerminalGetsColouredLinesThatFitUnlessNoColorIsSet) {
  v1::Job job = MakeJob(17, v1::PENDING);
  job.mutable_pending()->set_text(std::string(300, 'x'));
  scheduler_.PutJob(job);
  std::map<std::string, std::string> environment = {
      {"SWITCHYARD_SERVER", scheduler_.address()}, {"HOME", scheduler_.folder()}, {"TERM", "xterm"}, {"NO_COLOR", ""}};
  EXPECT_THAT(Process({kProgram, "jobs"}, environment, "", 70).Wait().out, HasSubstr("\x1b[33mpending"));
  environment["NO_COLOR"] = "1";
  const ProcessResult plain = Process({kProgram, "jobs"}, environment, "", 70).Wait();
  EXPECT_THAT(plain.out, AllOf(Not(HasSubstr("\x1b")), HasSubstr("x…\r\n")));
  for (size_t begin = 0; begin < plain.out.size();) {
    const size_t end = plain.out.find('\n', begin);
    EXPECT_LE(DisplayWidth(plain.out.substr(begin, end - begin - 1)), 70);
    begin = end + 1;
  }
}

TEST_F(CommandLineTest, TopRedrawsOnATerminalAndGivesItBack) {
  Process process({kProgram, "top", "--interval", "1ms"},
                  {{"SWITCHYARD_SERVER", scheduler_.address()}, {"TERM", "xterm"}}, "", 100);
  scheduler_.AwaitCalls(12);  // three frames of four questions
  process.Signal(SIGINT);
  const ProcessResult result = process.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(testing::StartsWith("\x1b[?1049h"), HasSubstr("no alarms"), testing::EndsWith("\x1b[?1049l")));
}

TEST_F(CommandLineTest, OperatorsWordsBecomeNodeActions) {
  using Action = v1::NodeActionRequest;
  EXPECT_EQ(Run({"cordon", "s/n"}).exit_code, 0);
  EXPECT_EQ(Run({"uncordon", "s/n"}).exit_code, 0);
  EXPECT_EQ(Run({"drain", "s/n", "--deadline", "30m"}).exit_code, 0);
  EXPECT_EQ(Run({"undrain", "s/n"}).exit_code, 0);
  EXPECT_EQ(Run({"node", "admit", "s/n", "--checked"}).exit_code, 0);
  EXPECT_EQ(Run({"node", "lost", "s/n", "--checked"}).exit_code, 0);
  const ProcessResult replaced = Run({"node", "replace", "s/n", "--checked", "-o", "json"});
  EXPECT_EQ(FromJson<v1::NodeActionResponse>(replaced.out).store_revision(), 7U);
  std::vector<Action::Action> actions;
  for (const Action& action : scheduler_.node_actions) {
    EXPECT_EQ(action.node(), "s/n");
    actions.push_back(action.action());
  }
  EXPECT_THAT(actions, ElementsAre(Action::CORDON, Action::UNCORDON, Action::DRAIN, Action::UNDRAIN, Action::ADMIT,
                                   Action::MARK_LOST, Action::REPLACE));
  EXPECT_EQ(scheduler_.node_actions[2].drain_deadline_ms(), 1'800'000);
  EXPECT_TRUE(scheduler_.node_actions[5].checked());
}

TEST_F(CommandLineTest, StraysAreListedAndDecidedAbout) {
  EXPECT_THAT(Run({"orphans"}).out, HasSubstr("900"));
  EXPECT_EQ(Run({"orphan", "adopt", "900", "--node", "s/n"}).exit_code, 0);
  ASSERT_EQ(scheduler_.orphan_actions.size(), 1U);
  EXPECT_EQ(scheduler_.orphan_actions[0].action(), v1::OrphanActionRequest::ADOPT);
  EXPECT_EQ(scheduler_.orphan_actions[0].node(), "s/n");
  EXPECT_THAT(Run({"quarantine"}).out, HasSubstr("SN-4711"));
  EXPECT_EQ(Run({"quarantine", "clear", "SN-4711"}).exit_code, 0);
  EXPECT_THAT(scheduler_.cleared, ElementsAre("SN-4711"));
}

TEST_F(CommandLineTest, EveryReadingVerbAnswersAsTextJsonAndYaml) {
  scheduler_.PutJob(MakeJob(17, v1::RUNNING));
  v1::NodeStatus node;
  node.set_id("s/n");
  scheduler_.PutNode(node);
  const std::vector<std::vector<std::string>> verbs = {{"jobs"},       {"job", "j17"},     {"explain", "17"},
                                                       {"nodes"},      {"node", "s/n"},    {"orphans"},
                                                       {"quarantine"}, {"token", "s/n"},   {"sites"},
                                                       {"site", "s"},  {"budgets"},        {"budgets", "s"},
                                                       {"alarms"},     {"why-not-rising"}, {"why-not-rising", "s/b"},
                                                       {"plans"},      {"tenants"},        {"tenant", "research"},
                                                       {"top"},        {"cancel", "17"}};
  for (std::vector<std::string> words : verbs) {
    EXPECT_THAT(Run(words).out, Not(IsEmpty())) << words[0];
    words.insert(words.end(), {"-o", "json"});
    const ProcessResult json = Run(words);
    EXPECT_EQ(json.exit_code, 0) << words[0] << json.err;
    EXPECT_TRUE(json.out.front() == '{' && json.out.substr(json.out.size() - 2) == "}\n") << json.out;
    words.back() = "yaml";
    EXPECT_EQ(Run(words).exit_code, 0) << words[0];
  }
}

TEST_F(CommandLineTest, LogsGoOutAsTheyCame) {
  StreamScript<v1::LogChunk> script;
  script.messages.resize(2);
  script.messages[0].set_data(std::string("epoch 1\n\0\xff", 10));
  script.messages[1].set_data("warning\n");
  script.messages[1].set_is_stderr(true);
  scheduler_.logs = {script};
  const ProcessResult result = Run({"logs", "17/worker/1", "--tail", "5"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, std::string("epoch 1\n\0\xff", 10));
  EXPECT_EQ(result.err, "warning\n");
  EXPECT_EQ(scheduler_.log_requests[0].group(), "worker");
  EXPECT_EQ(scheduler_.log_requests[0].index(), 1);
  EXPECT_EQ(scheduler_.log_requests[0].tail_lines(), 5);
}

TEST_F(CommandLineTest, AFollowedStreamEndsInOrderOnInterrupt) {
  scheduler_.events = {{{MakeEvent(1, "job 17 was submitted")}, false, grpc::Status::OK}};
  Process process = Start({"events", "-f"});
  scheduler_.AwaitStreams(1);
  process.Signal(SIGINT);
  const ProcessResult result = process.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(CommandLineTest, AnInterruptedWaitHasFailed) {
  scheduler_.PutJob(MakeJob(17, v1::RUNNING));
  Process process = Start({"wait", "17"});
  scheduler_.AwaitStreams(1);
  process.Signal(SIGTERM);
  const ProcessResult result = process.Wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "interrupted\n");
}

TEST_F(CommandLineTest, EventsAreAListOrALineEach) {
  scheduler_.events = {{{MakeEvent(1, "a"), MakeEvent(2, "b")}, true, grpc::Status::OK}};
  EXPECT_THAT(Run({"events", "-o", "json"}).out, AllOf(HasSubstr("[{"), HasSubstr("}]\n")));
  scheduler_.events = {{{MakeEvent(1, "a")}, true, grpc::Status::OK}};
  EXPECT_EQ(Run({"events"}).out, "1970-01-01T00:16:40Z  JobSubmitted  job 17  a\n");
}

TEST_F(CommandLineTest, TheExampleInCppSubmitsWaitsAndPrintsTheLog) {
  scheduler_.watches = {{{JobMessage(MakeJob(17, v1::RUNNING, 500))}, false, grpc::Status::OK},
                        {{JobMessage(MakeJob(17, v1::SUCCEEDED, 501))}, false, grpc::Status::OK}};
  StreamScript<v1::LogChunk> log;
  log.messages.resize(1);
  log.messages[0].set_data("epoch 1\n");
  scheduler_.logs = {log};
  const ProcessResult result = Process({SWITCHYARD_BINARY_DIR "/bin/cpp_client", "research", "true"},
                                       {{"SWITCHYARD_SERVER", scheduler_.address()}, {"HOME", scheduler_.folder()}})
                                   .Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("job 17 submitted"), HasSubstr("epoch 1"), HasSubstr("job 17: SUCCEEDED")));
  ASSERT_EQ(scheduler_.submits.size(), 1U);
  EXPECT_EQ(scheduler_.submits[0].jobs(0).tenant(), "research");
}

TEST_F(CommandLineTest, CheckTellsFilesApartAndNeedsNoScheduler) {
  scheduler_.Stop();
  const std::string job = Write("job.yaml", kJobFile);
  const std::string client = Write("client.yaml", "server: unix:/tmp/s\n");
  const ProcessResult good = Run({"check", job, client});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_THAT(good.out,
              AllOf(HasSubstr("job.yaml: a valid job file: 1 job\n"), HasSubstr("client.yaml: a valid client file")));

  const std::string bad_job = Write("bad.yaml", "kind: training\nnmae: train\n");
  const std::string bad_cluster = Write("cluster.yaml", "cluster: demo\nsitse: []\n");
  const std::string bad_agent = Write("agent.yaml", "scheduler: unix:/tmp/s\nstate_dri: /tmp\n");
  const std::string other = Write("other.yaml", "colour: green\n");
  const ProcessResult bad = Run({"check", job, bad_job, bad_cluster, bad_agent, other, "/nonexistent.yaml"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_THAT(bad.err,
              AllOf(HasSubstr("bad.yaml:2:1:"), HasSubstr("cluster.yaml:2:1:"), HasSubstr("agent.yaml:2:1:"),
                    HasSubstr("other.yaml:1:1: neither"), HasSubstr("file \"/nonexistent.yaml\": cannot be read")));
  const ProcessResult json = Run({"check", bad_job, "-o", "json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"valid\": false"), HasSubstr("\"kind\": \"job\"")));
}

TEST_F(CommandLineTest, TheExamplesOfTheProjectAreValid) {
  const std::string examples = SWITCHYARD_SOURCE_DIR "/examples/";
  std::vector<std::string> words = {"check"};
  for (const char* folder : {"jobs", "sites"}) {
    for (const auto& entry : std::filesystem::directory_iterator(examples + folder)) {
      if (entry.path().extension() == ".yaml") words.push_back(entry.path().string());
    }
  }
  ASSERT_GT(words.size(), 4U);
  const ProcessResult result = Run(words);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("a valid job file"), HasSubstr("a valid cluster file")));
}

TEST_F(CommandLineTest, TheCompletionScriptCompletesVerbsOptionsAndWords) {
  const std::string script = Write("completion.bash", Run({"completion", "bash"}).out);
  const auto complete = [&](const std::string& words, int cursor) {
    const ProcessResult result =
        Process({"/bin/bash", "-c",
                 "set -eu; source " + script + "; COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(cursor) +
                     "; _switchyard; echo \"${COMPREPLY[*]}\""},
                {})
            .Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(complete("switchyard sub", 1), "submit\n");
  EXPECT_EQ(complete("switchyard wait --for run", 3), "running\n");
  EXPECT_EQ(complete("switchyard -o js", 2), "json\n");
  EXPECT_EQ(complete("switchyard -o json node rep", 4), "replace\n");
  EXPECT_THAT(complete("switchyard node lost --", 3), HasSubstr("--checked"));
  EXPECT_THAT(complete("switchyard jobs --", 2), AllOf(HasSubstr("--tenant"), HasSubstr("--server")));
  EXPECT_THAT(Run({"completion", "zsh"}).out, HasSubstr("#compdef switchyard"));
}

}  // namespace
}  // namespace switchyard::client::cli
