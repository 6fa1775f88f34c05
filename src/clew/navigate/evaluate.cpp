// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/evaluate.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/pool.h"
#include "clew/core/text.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/maze/vector_env.h"
#include "clew/navigate/players.h"
#include "clew/navigate/trainer.h"
#include "clew/nn/flat.h"
#include "clew/nn/tensors.h"
#include "clew/train/evaluator.h"

namespace clew::navigate {
namespace {

enum EvaluationKey : std::uint64_t {
  kEvaluationWorlds,
  kEvaluationActions,
  kEvaluationRandomPlayer
};
enum class Who : std::uint8_t { kAgent, kRandom, kShortestPath };
constexpr const char* kNames[] = {"agent", "random", "shortest path"};

struct Counts {
  double right1 = 0, right2 = 0, depths = 0;  // counts of depth classes
  double loop_tp = 0, loop_fp = 0, loop_fn = 0, loop_tn = 0;
  std::vector<double> scores, goals, first_s, later_s;
};

/// Part of the worlds, played by one thread until each has finished its number of episodes.
class Table {
 public:
  Table(const NavigateConfig& config, std::shared_ptr<const maze::Level> level, Agent agent,
        Who who, int first, int count, int threads_episodes, const EvalOptions& options);

  bool step();  // false once every world has finished
  double share_done() const {
    return std::accumulate(finished_.begin(), finished_.end(), 0.0) /
           (static_cast<double>(worlds_) * quota_);
  }

  Counts counts;
  std::vector<EpisodeTrace> traces;

 private:
  void act_as_agent();
  void count_heads(const AuxiliaryOutput& heads);
  void record(const AgentOutput& out, const AuxiliaryOutput& heads);
  bool is_traced(int world) const {
    return world < static_cast<int>(traces.size()) &&
           finished_[static_cast<std::size_t>(world)] == 0;
  }

  const NavigateConfig& config_;
  Agent agent_;
  Who who_;
  int first_world_, worlds_, quota_;
  Key actions_key_;
  maze::VectorEnv env_;
  torch::Tensor frames_, velocity_, reward_, is_done_, last_action_, depth_class_, is_loop_, event_;
  maze::StepBuffers out_;
  AgentState state_;
  std::vector<std::int32_t> actions_;
  std::vector<int> finished_, since_goal_, goals_;
  std::vector<double> score_;
  std::uint64_t steps_ = 0;
};

Table::Table(const NavigateConfig& config, std::shared_ptr<const maze::Level> level, Agent agent,
             Who who, int first, int count, int quota, const EvalOptions& options)
    : config_(config),
      agent_(std::move(agent)),
      who_(who),
      first_world_(first),
      worlds_(count),
      quota_(quota),
      actions_key_(fold_in(Key{options.seed}, kEvaluationActions)),
      env_(std::move(level), {.worlds = count,
                              .first_world = first,
                              .threads = 1,
                              .render = {.width = config.size, .height = config.size},
                              .action_repeat = config.action_repeat}),
      actions_(static_cast<std::size_t>(count)),
      finished_(static_cast<std::size_t>(count)),
      since_goal_(static_cast<std::size_t>(count)),
      goals_(static_cast<std::size_t>(count)),
      score_(static_cast<std::size_t>(count)) {
  const std::int64_t size = config.size;
  reward_ = torch::zeros({count});
  is_done_ = torch::ones({count}, torch::kUInt8);
  event_ = torch::zeros({count}, torch::kUInt8);
  out_.reward = nn::values_of<float>(reward_);
  out_.is_done = nn::values_of<std::uint8_t>(is_done_);
  out_.event = nn::values_of<std::uint8_t>(event_);
  if (who == Who::kAgent) {
    frames_ = torch::zeros({count, 3, size, size}, torch::kUInt8);
    velocity_ = torch::zeros({count, 6});
    last_action_ = torch::full({count}, -1, torch::kInt32);
    depth_class_ = torch::zeros({count, kDepthPositions}, torch::kUInt8);
    is_loop_ = torch::zeros({count}, torch::kUInt8);
    out_.rgb = nn::values_of<std::uint8_t>(frames_);
    out_.velocity = nn::values_of<float>(velocity_);
    out_.last_action = nn::values_of<std::int32_t>(last_action_);
    out_.depth_class = nn::values_of<std::uint8_t>(depth_class_);
    out_.is_loop = nn::values_of<std::uint8_t>(is_loop_);
    state_ = agent_->initial_state(count);
    if (first == 0) traces.resize(static_cast<std::size_t>(std::min(count, options.traces)));
  }
  env_.reset(fold_in(Key{options.seed}, kEvaluationWorlds), out_);
  is_done_.fill_(1);  // so that the first step starts from zero state
  for (std::size_t i = 0; i < traces.size(); ++i) {
    traces[i].grid = std::make_shared<maze::Grid>(*env_.layout(static_cast<int>(i)).grid);
    traces[i].things = env_.layout(static_cast<int>(i)).things;
  }
}

void Table::act_as_agent() {
  const torch::NoGradGuard no_grad;
  const auto keep = 1 - is_done_.to(torch::kFloat32);
  auto out = agent_->forward({frames_, velocity_, reward_ * keep, last_action_}, state_, keep);
  state_ = out.state;
  const auto logits = out.logits.to(torch::kFloat32).contiguous();
  for (int i = 0; i < worlds_; ++i) {
    const Key key = fold_in(actions_key_, static_cast<std::uint64_t>(first_world_ + i), steps_);
    actions_[static_cast<std::size_t>(i)] = sample_action(
        logits.data_ptr<float>() + i * maze::kActions, maze::kActions, Stream(key).uniform());
  }
  const auto heads = agent_->auxiliary(out.features, out.hidden);
  count_heads(heads);
  record(out, heads);
}

void Table::count_heads(const AuxiliaryOutput& heads) {
  torch::Tensor depth1, depth2, loop;
  if (heads.depth1.defined())
    depth1 = (heads.depth1.argmax(-1) == depth_class_).sum(1).to(torch::kFloat64);
  if (heads.depth2.defined())
    depth2 = (heads.depth2.argmax(-1) == depth_class_).sum(1).to(torch::kFloat64);
  if (heads.loop.defined()) loop = heads.loop.to(torch::kFloat64);
  const auto* truth = is_loop_.data_ptr<std::uint8_t>();
  for (int i = 0; i < worlds_; ++i) {
    if (finished_[static_cast<std::size_t>(i)] >= quota_) continue;
    counts.depths += kDepthPositions;
    if (depth1.defined()) counts.right1 += depth1[i].item<double>();
    if (depth2.defined()) counts.right2 += depth2[i].item<double>();
    if (!loop.defined()) continue;
    const bool said = loop[i].item<double>() > 0, is = truth[i] != 0;
    (said ? (is ? counts.loop_tp : counts.loop_fp) : (is ? counts.loop_fn : counts.loop_tn)) += 1;
  }
}

void Table::record(const AgentOutput& out, const AuxiliaryOutput& heads) {
  const auto& depth = heads.depth2.defined() ? heads.depth2 : heads.depth1;
  const std::int64_t frame_bytes = frames_[0].numel();
  for (int i = 0; i < static_cast<int>(traces.size()); ++i) {
    if (!is_traced(i)) continue;
    auto& trace = traces[static_cast<std::size_t>(i)];
    const auto state = env_.state(i);
    trace.x.push_back(state.camera.x);
    trace.y.push_back(state.camera.y);
    trace.heading.push_back(static_cast<float>(state.camera.heading) / 65536);
    trace.value.push_back(
        static_cast<float>(out.value[i].item<double>() / config_.train.reward_scale));
    const auto* pixels = frames_.data_ptr<std::uint8_t>() + i * frame_bytes;
    trace.frames.insert(trace.frames.end(), pixels, pixels + frame_bytes);
    if (depth.defined()) {
      const auto predicted = depth[i].argmax(-1).to(torch::kInt32);
      const auto* guess = predicted.data_ptr<std::int32_t>();
      const auto* truth = depth_class_.data_ptr<std::uint8_t>() + i * kDepthPositions;
      trace.depth_predicted.emplace_back(guess, guess + kDepthPositions);
      trace.depth_true.emplace_back(truth, truth + kDepthPositions);
    }
    if (heads.loop.defined()) {
      trace.loop_probability.push_back(torch::sigmoid(heads.loop[i]).item<float>());
      trace.loop_true.push_back(is_loop_.data_ptr<std::uint8_t>()[i]);
    }
  }
}

bool Table::step() {
  if (who_ == Who::kAgent) {
    act_as_agent();
  } else {
    for (int i = 0; i < worlds_; ++i) {
      actions_[static_cast<std::size_t>(i)] =
          who_ == Who::kRandom ? random_action(fold_in(actions_key_, kEvaluationRandomPlayer),
                                               static_cast<std::uint64_t>(first_world_ + i), steps_)
                               : shortest_path_action(env_, i);
    }
  }
  env_.step(actions_, out_);
  ++steps_;
  const double seconds_per_step = config_.action_repeat / 60.0;
  bool is_going = false;
  for (int i = 0; i < worlds_; ++i) {
    const auto lane = static_cast<std::size_t>(i);
    if (finished_[lane] >= quota_) continue;
    const float reward = out_.reward[i];
    if (is_traced(i)) {
      traces[lane].reward.push_back(reward);
      traces[lane].event.push_back(out_.event[i]);
    }
    score_[lane] += reward;
    ++since_goal_[lane];
    if ((out_.event[i] & maze::kEventGoal) != 0) {
      (goals_[lane] == 0 ? counts.first_s : counts.later_s)
          .push_back(since_goal_[lane] * seconds_per_step);
      ++goals_[lane];
      since_goal_[lane] = 0;
    }
    if (out_.is_done[i] != 0) {
      counts.scores.push_back(std::exchange(score_[lane], 0.0));
      counts.goals.push_back(std::exchange(goals_[lane], 0));
      since_goal_[lane] = 0;
      ++finished_[lane];
    }
    is_going |= finished_[lane] < quota_;
  }
  return is_going;
}

std::optional<double> mean(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void append(std::vector<double>& to, const std::vector<double>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

PlayerResult summarise(const Counts& counts, Who who, const AgentSpec& spec) {
  PlayerResult result;
  result.name = kNames[static_cast<int>(who)];
  const auto count = static_cast<double>(counts.scores.size());
  result.score_mean = mean(counts.scores).value_or(0);
  double squares = 0;
  for (const double score : counts.scores)
    squares += (score - result.score_mean) * (score - result.score_mean);
  result.score_stderr = count > 1 ? std::sqrt(squares / (count - 1) / count) : 0;
  result.goals_mean = mean(counts.goals).value_or(0);
  result.goal_share = static_cast<double>(std::count_if(counts.goals.begin(), counts.goals.end(),
                                                        [](double n) { return n > 0; })) /
                      count;
  result.latency_first_s = mean(counts.first_s);
  result.latency_later_s = mean(counts.later_s);
  if (who != Who::kAgent) return result;
  if (spec.has_d1) result.depth1_accuracy = counts.right1 / counts.depths;
  if (spec.has_d2) result.depth2_accuracy = counts.right2 / counts.depths;
  if (spec.has_loop) {
    const double all = counts.loop_tp + counts.loop_fp + counts.loop_fn + counts.loop_tn;
    const double found = 2 * counts.loop_tp + counts.loop_fp + counts.loop_fn;
    result.loop_accuracy = (counts.loop_tp + counts.loop_tn) / all;
    if (found > 0) result.loop_f1 = 2 * counts.loop_tp / found;
  }
  return result;
}

template <class T>
nlohmann::json maybe(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json grid_json(const maze::Grid& grid) {
  return {{"width", grid.width}, {"height", grid.height}, {"walls", grid.walls}};
}

}  // namespace

Evaluation evaluate(const NavigateConfig& config, const std::shared_ptr<const maze::Level>& level,
                    Agent agent, const EvalOptions& options, const EvalProgress& on_progress) {
  if (options.episodes < 1 || options.episodes > 1'000'000) {
    throw UsageError(concat("episodes must be in 1..1000000, got ", options.episodes));
  }
  at::set_num_threads(1);
  Evaluation evaluation{.level = level->name, .episodes = options.episodes, .seed = options.seed};
  // The same number of episodes in every world, so that short episodes are not overrepresented.
  int worlds = std::min(options.episodes, 50);
  while (options.episodes % worlds != 0) --worlds;
  const int threads = std::clamp(options.threads, 1, worlds);
  ThreadPool pool(threads);
  std::vector<Agent> replicas(static_cast<std::size_t>(threads), nullptr);
  if (!agent.is_empty()) {
    const auto weights = nn::flatten(*agent);
    for (auto& replica : replicas) {
      replica = Agent(agent->options, Key{});
      nn::share(*replica, weights);
      replica->begin_rollout();
    }
  }
  for (const auto who : {Who::kAgent, Who::kRandom, Who::kShortestPath}) {
    if (who == Who::kAgent && agent.is_empty()) continue;
    std::vector<std::unique_ptr<Table>> tables(static_cast<std::size_t>(threads));
    pool.run([&](int i) {
      at::init_num_threads();
      const auto [begin, end] = share_of(worlds, i, threads);
      auto& table = tables[static_cast<std::size_t>(i)];
      table = std::make_unique<Table>(config, level, replicas[static_cast<std::size_t>(i)], who,
                                      static_cast<int>(begin), static_cast<int>(end - begin),
                                      options.episodes / worlds, options);
      while (table->step()) {
        if (i == 0 && on_progress) on_progress(table->share_done(), kNames[static_cast<int>(who)]);
      }
    });
    Counts total;
    for (auto& table : tables) {
      const auto& part = table->counts;
      total.right1 += part.right1, total.right2 += part.right2, total.depths += part.depths;
      total.loop_tp += part.loop_tp, total.loop_fp += part.loop_fp;
      total.loop_fn += part.loop_fn, total.loop_tn += part.loop_tn;
      append(total.scores, part.scores), append(total.goals, part.goals);
      append(total.first_s, part.first_s), append(total.later_s, part.later_s);
      for (auto& trace : table->traces) evaluation.traces.push_back(std::move(trace));
    }
    evaluation.players.push_back(summarise(total, who, parse_agent(config.agent)));
  }
  return evaluation;
}

namespace {

const PlayerResult* find_player(const Evaluation& evaluation, std::string_view name) {
  const auto found = std::ranges::find(evaluation.players, name, &PlayerResult::name);
  return found == evaluation.players.end() ? nullptr : &*found;
}

double or_none(const std::optional<double>& value) { return value.value_or(std::nan("")); }

/// The agent's measures.
std::vector<runs::Measure> measures_of(const Evaluation& evaluation) {
  const auto* agent = find_player(evaluation, kNames[static_cast<int>(Who::kAgent)]);
  if (agent == nullptr) return {};
  std::vector<runs::Measure> measures = {
      {.name = "score", .value = agent->score_mean, .unit = "reward", .larger_is_better = true},
      {.name = "goals", .value = agent->goals_mean, .unit = "an episode", .larger_is_better = true},
      {.name = "goal_share", .value = agent->goal_share, .unit = "share", .larger_is_better = true},
      {.name = "latency_first", .value = or_none(agent->latency_first_s), .unit = "s"},
      {.name = "latency_later", .value = or_none(agent->latency_later_s), .unit = "s"}};
  for (const auto& [name, value] :
       {std::pair{"depth1_accuracy", agent->depth1_accuracy},
        std::pair{"depth2_accuracy", agent->depth2_accuracy}, std::pair{"loop_f1", agent->loop_f1}})
    if (value)
      measures.push_back(
          {.name = name, .value = *value, .unit = "share", .larger_is_better = true});
  return measures;
}

runs::Table players_table(const Evaluation& evaluation) {
  runs::Table table{
      .title = "Players",
      .caption = concat(evaluation.episodes, " episodes of ", evaluation.level, ", seed ",
                        evaluation.seed, ". ± is one standard error of the mean."),
      .row_title = "player",
      .columns = {{"score", "reward an episode"},
                  {"goals", "an episode"},
                  {"episodes with a goal", "share"},
                  {"first goal", "s"},
                  {"later goals", "s"},
                  {"depth 1", "share"},
                  {"depth 2", "share"},
                  {"loop F1", "share"},
                  {"loop", "share"}},
      .rows = {},
      .style = runs::TableStyle::kBars};
  const double none = std::nan("");
  for (const auto& player : evaluation.players) {
    table.rows.push_back(
        {.name = player.name,
         .values = {player.score_mean, player.goals_mean, player.goal_share,
                    or_none(player.latency_first_s), or_none(player.latency_later_s),
                    or_none(player.depth1_accuracy), or_none(player.depth2_accuracy),
                    or_none(player.loop_f1), or_none(player.loop_accuracy)},
         .errors = {player.score_stderr, none, none, none, none, none, none, none, none}});
  }
  return table;
}

/// Score beside the baselines', and latency to the goal.
std::string summary_of(const Evaluation& evaluation) {
  const auto* agent = find_player(evaluation, kNames[static_cast<int>(Who::kAgent)]);
  const auto* random = find_player(evaluation, kNames[static_cast<int>(Who::kRandom)]);
  const auto* oracle = find_player(evaluation, kNames[static_cast<int>(Who::kShortestPath)]);
  if (agent == nullptr) return {};
  auto text =
      concat("Over ", evaluation.episodes, " test episodes it scores ", figure(agent->score_mean),
             " an episode (standard error ", figure(agent->score_stderr), ")");
  const char* comma = ", ";
  if (random != nullptr) {
    text +=
        random->score_mean > 0 && agent->score_mean > 0
            ? concat(", ", figure(agent->score_mean / random->score_mean), " times the ",
                     figure(random->score_mean), " of a player that acts at random")
            : concat(", against ", figure(random->score_mean), " for a player that acts at random");
    comma = " and ";
  }
  if (oracle != nullptr) {
    text += oracle->score_mean > 0 ? concat(comma, percent(agent->score_mean / oracle->score_mean),
                                            " of the ", figure(oracle->score_mean),
                                            " of the shortest-path player, who knows the map")
                                   : concat(", against ", figure(oracle->score_mean),
                                            " for the shortest-path player, who knows the map");
  }
  text += ".";
  if (agent->latency_first_s) {
    text += concat(" It takes ", figure(*agent->latency_first_s),
                   " s to find the goal the first time in an episode");
    if (agent->latency_later_s)
      text += concat(" and ", figure(*agent->latency_later_s), " s each time after that");
    text += ".";
  }
  return text;
}

}  // namespace

runs::Evaluation run_evaluation(const Evaluation& evaluation) {
  auto players = nlohmann::json::array();
  std::vector<runs::Reference> references;
  for (const auto& player : evaluation.players) {
    players.push_back({{"name", player.name},
                       {"score_mean", player.score_mean},
                       {"score_stderr", player.score_stderr},
                       {"goals_mean", player.goals_mean},
                       {"goal_share", player.goal_share},
                       {"latency_first_s", maybe(player.latency_first_s)},
                       {"latency_later_s", maybe(player.latency_later_s)},
                       {"depth1_accuracy", maybe(player.depth1_accuracy)},
                       {"depth2_accuracy", maybe(player.depth2_accuracy)},
                       {"loop_f1", maybe(player.loop_f1)},
                       {"loop_accuracy", maybe(player.loop_accuracy)}});
    if (player.name != kNames[static_cast<int>(Who::kAgent)])
      references.push_back({.metric = "score", .name = player.name, .value = player.score_mean});
  }
  const nlohmann::json details = {{"level", evaluation.level},
                                  {"episodes", evaluation.episodes},
                                  {"seed", evaluation.seed},
                                  {"players", std::move(players)}};
  return {.system = "navigate",
          .summary = summary_of(evaluation),
          .step = evaluation.age.step,
          .run_step = evaluation.age.run_step,
          .measures = measures_of(evaluation),
          .tables = {players_table(evaluation)},
          .references = std::move(references),
          .details = details.dump()};
}

void write_evaluation(const std::filesystem::path& run, const NavigateConfig& config,
                      const Evaluation& evaluation) {
  runs::write_evaluation(run, run_evaluation(evaluation));
  if (evaluation.traces.empty()) return;
  nlohmann::json root = {{"level", evaluation.level},
                         {"seconds_per_step", config.action_repeat / 60.0},
                         {"fov_degrees", maze::RenderOptions{}.fov_degrees},
                         {"grid", grid_json(*evaluation.traces[0].grid)},
                         {"episodes", nlohmann::json::array()}};
  for (std::size_t i = 0; i < evaluation.traces.size(); ++i) {
    const auto& trace = evaluation.traces[i];
    const auto name = concat("frames_", i, ".png");
    image::write(run / name,
                 image::contact_sheet(
                     trace.frames,
                     {.width = config.size, .height = config.size, .columns = 20, .planar = true}));
    auto things = nlohmann::json::array();
    for (const auto& thing : trace.things) {
      things.push_back(
          {{"x", thing.cell.x + 0.5}, {"y", thing.cell.y + 0.5}, {"kind", name_of(thing.kind)}});
    }
    nlohmann::json episode = {{"grid", grid_json(*trace.grid)},
                              {"things", std::move(things)},
                              {"x", trace.x},
                              {"y", trace.y},
                              {"heading", trace.heading},
                              {"value", trace.value},
                              {"reward", trace.reward},
                              {"event", trace.event},
                              {"frame_sheet", name},
                              {"frames", trace.x.size()}};
    if (!trace.loop_probability.empty()) {
      episode["loop_probability"] = trace.loop_probability;
      episode["loop_true"] = trace.loop_true;
    }
    if (!trace.depth_true.empty()) {
      episode["depth_true"] = trace.depth_true;
      episode["depth_predicted"] = trace.depth_predicted;
    }
    root["episodes"].push_back(std::move(episode));
  }
  write_file_atomic(run / "trace.json", root.dump());
}

}  // namespace clew::navigate
