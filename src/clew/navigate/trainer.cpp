// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/trainer.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/maze/vector_env.h"
#include "clew/navigate/losses.h"
#include "clew/nn/flat.h"
#include "clew/nn/tensors.h"
#include "clew/train/optimizer.h"
#include "clew/train/replicas.h"
#include "clew/train/run_folder.h"
#include "clew/train/schedule.h"

namespace clew::navigate {
namespace {

constexpr const char* kFormat = "clew.navigate.checkpoint 1";
constexpr int kAccuracyEvery = 16;  // updates between measurements of the auxiliary heads' accuracy

enum KeyUse : std::uint64_t {
  kKeyWeights,
  kKeyWorlds,
  kKeyActions
};  // derived keys of the run's key

/// Mean as sum and count, for merging and saving.
struct Mean {
  double sum = 0, count = 0;
  void add(double value, double weight = 1) { sum += value * weight, count += weight; }
  void add(const Mean& other) { sum += other.sum, count += other.count; }
  double get() const { return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN(); }
};

/// Metrics of an update, in checkpoint order.
struct Meters {
  Mean score, goals, loss_policy, loss_value, entropy, loss_depth1, loss_depth2, loss_loop,
      depth1_accuracy, depth2_accuracy, loop_accuracy, grad_norm;

  static constexpr int kCount = 12;
  void add(Meters other) {
    for (int i = 0; i < kCount; ++i) at(i).add(other.at(i));
  }
  Mean& at(int i) {
    Mean* const all[kCount] = {&score,           &goals,           &loss_policy,   &loss_value,
                               &entropy,         &loss_depth1,     &loss_depth2,   &loss_loop,
                               &depth1_accuracy, &depth2_accuracy, &loop_accuracy, &grad_norm};
    return *all[i];
  }
};

/// One worker's worlds, buffers and copy of the network. Row T of every buffer is the next
/// rollout's row 0.
struct Worker {
  Worker(const NavigateConfig& config, std::shared_ptr<const maze::Level> level, int first,
         int count, Agent network, torch::Tensor own_gradients);

  void rollout(Key actions_key, std::int64_t first_step);
  void learn(double share, double entropy_weight, bool measure_accuracy);
  void value_timeouts(std::int64_t t, const std::vector<std::int64_t>& lanes,
                      const AgentState& now);
  maze::StepBuffers buffers(std::int64_t row) const;
  Observation observe(std::int64_t row) const;

  const NavigateConfig* config;
  int first_world, worlds, unroll;
  maze::VectorEnv env;
  Agent agent;
  torch::Tensor gradients;  // [P] f32
  torch::Tensor frames, velocity, reward, is_done, last_action, depth_class, is_loop,
      event;  // [T+1,N,...]
  // Of the last step, [N,...]; filled if timeouts are bootstrapped.
  torch::Tensor is_truncated, final_frames, final_velocity;
  AgentState state;                   // before row T, no graph
  std::vector<float> episode_reward;  // of the current episode, by world
  std::vector<float> episode_goals;
  Meters meters;

  // The rollout's graph, from rollout() to learn().
  std::vector<torch::Tensor> features, hidden, logits, values;
  torch::Tensor actions;         // [T,N] i64
  torch::Tensor bootstrap;       // [N]
  torch::Tensor timeout_values;  // [T,N] V of the last observation of a truncated episode, else 0
};

Worker::Worker(const NavigateConfig& train_config, std::shared_ptr<const maze::Level> level,
               int first, int count, Agent network, torch::Tensor own_gradients)
    : config(&train_config),
      first_world(first),
      worlds(count),
      unroll(train_config.train.unroll),
      env(std::move(level), {.worlds = count,
                             .first_world = first,
                             .threads = 1,
                             .render = {.width = train_config.size, .height = train_config.size},
                             .action_repeat = train_config.action_repeat}),
      agent(std::move(network)),
      gradients(std::move(own_gradients)),
      episode_reward(static_cast<std::size_t>(count)),
      episode_goals(static_cast<std::size_t>(count)) {
  const std::int64_t rows = unroll + 1, size = config->size;
  frames = torch::zeros({rows, worlds, 3, size, size}, torch::kUInt8);
  velocity = torch::zeros({rows, worlds, 6});
  reward = torch::zeros({rows, worlds});
  is_done = torch::zeros({rows, worlds}, torch::kUInt8);
  last_action = torch::full({rows, worlds}, -1, torch::kInt32);
  depth_class = torch::zeros({rows, worlds, kDepthPositions}, torch::kUInt8);
  is_loop = torch::zeros({rows, worlds}, torch::kUInt8);
  event = torch::zeros({rows, worlds}, torch::kUInt8);
  actions = torch::zeros({unroll, worlds}, torch::kInt64);
  is_truncated = torch::zeros({worlds}, torch::kUInt8);
  final_frames = torch::zeros({worlds, 3, size, size}, torch::kUInt8);
  final_velocity = torch::zeros({worlds, 6});
  timeout_values = torch::zeros({unroll, worlds});
  state = agent->initial_state(worlds);
}

maze::StepBuffers Worker::buffers(std::int64_t row) const {
  const auto& spec = agent->options.spec;
  maze::StepBuffers out;
  out.rgb = nn::values_of<std::uint8_t>(frames[row]);
  out.velocity = nn::values_of<float>(velocity[row]);
  out.reward = nn::values_of<float>(reward[row]);
  out.is_done = nn::values_of<std::uint8_t>(is_done[row]);
  out.last_action = nn::values_of<std::int32_t>(last_action[row]);
  out.event = nn::values_of<std::uint8_t>(event[row]);
  if (spec.has_d1 || spec.has_d2) out.depth_class = nn::values_of<std::uint8_t>(depth_class[row]);
  if (spec.has_loop) out.is_loop = nn::values_of<std::uint8_t>(is_loop[row]);
  if (config->train.bootstrap_timeouts) {
    out.is_truncated = nn::values_of<std::uint8_t>(is_truncated);
    out.final_rgb = nn::values_of<std::uint8_t>(final_frames);
    out.final_velocity = nn::values_of<float>(final_velocity);
  }
  return out;
}

Observation Worker::observe(std::int64_t row) const {
  // The last reward of an episode is not an input of the next one.
  return {frames[row], velocity[row], reward[row] * (1 - is_done[row].to(torch::kFloat32)),
          last_action[row]};
}

/// Values of the last observations of episodes of `lanes` that were truncated in step t, from
/// `now`, the state after that step. No gradient.
void Worker::value_timeouts(std::int64_t t, const std::vector<std::int64_t>& lanes,
                            const AgentState& now) {
  const torch::NoGradGuard no_grad;
  const auto index = torch::tensor(torch::ArrayRef<std::int64_t>(lanes));
  const auto rows = [&](const torch::Tensor& all) {
    return all.defined() ? all.index_select(0, index) : all;
  };
  const auto out = agent->forward({rows(final_frames), rows(final_velocity), rows(reward[t + 1]),
                                   rows(actions[t]).to(torch::kInt32)},
                                  {rows(now.h1), rows(now.c1), rows(now.h2), rows(now.c2)},
                                  torch::ones({index.size(0)}));
  timeout_values[t].index_copy_(0, index, out.value.to(torch::kFloat32));
}

void Worker::rollout(Key actions_key, std::int64_t first_step) {
  for (const auto& buffer :
       {frames, velocity, reward, is_done, last_action, depth_class, is_loop, event}) {
    buffer[0].copy_(buffer[unroll]);
  }
  agent->begin_rollout();
  features.clear(), hidden.clear(), logits.clear(), values.clear();
  timeout_values.zero_();
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(worlds));
  std::vector<std::int64_t> timeouts;  // lanes
  AgentState now = state;
  const auto keep_of = [&](std::int64_t row) {
    const auto* const done = is_done[row].data_ptr<std::uint8_t>();
    const bool has_end = std::any_of(done, done + worlds, [](std::uint8_t d) { return d != 0; });
    return has_end ? 1 - is_done[row].to(torch::kFloat32) : torch::Tensor();
  };
  for (std::int64_t t = 0; t < unroll; ++t) {
    auto out = agent->forward(observe(t), now, keep_of(t));
    now = out.state;
    const auto scores = out.logits.detach().to(torch::kFloat32).contiguous();
    auto* row_actions = actions[t].data_ptr<std::int64_t>();
    for (int i = 0; i < worlds; ++i) {
      const Key key = fold_in(actions_key, static_cast<std::uint64_t>(first_world + i),
                              static_cast<std::uint64_t>(first_step + t));
      chosen[static_cast<std::size_t>(i)] = sample_action(
          scores.data_ptr<float>() + i * maze::kActions, maze::kActions, Stream(key).uniform());
      row_actions[i] = chosen[static_cast<std::size_t>(i)];
    }
    env.step(chosen, buffers(t + 1));
    features.push_back(out.features), hidden.push_back(out.hidden);
    logits.push_back(out.logits), values.push_back(out.value);

    const auto* rewards = reward[t + 1].data_ptr<float>();
    const auto* done = is_done[t + 1].data_ptr<std::uint8_t>();
    const auto* events = event[t + 1].data_ptr<std::uint8_t>();
    const auto* truncated = is_truncated.data_ptr<std::uint8_t>();
    timeouts.clear();
    for (int i = 0; i < worlds; ++i) {
      const auto lane = static_cast<std::size_t>(i);
      episode_reward[lane] += rewards[i];
      episode_goals[lane] += (events[i] & maze::kEventGoal) != 0 ? 1.0F : 0.0F;
      if (done[i] != 0) {
        meters.score.add(std::exchange(episode_reward[lane], 0.0F));
        meters.goals.add(std::exchange(episode_goals[lane], 0.0F));
      }
      if (truncated[i] != 0) timeouts.push_back(i);
    }
    if (!timeouts.empty()) value_timeouts(t, timeouts, now);
  }
  const torch::NoGradGuard no_grad;
  bootstrap = agent->forward(observe(unroll), now, keep_of(unroll)).value.to(torch::kFloat32);
  const auto detach = [](const torch::Tensor& tensor) {
    return tensor.defined() ? tensor.detach() : tensor;
  };
  state = {detach(now.h1), detach(now.c1), detach(now.h2), detach(now.c2)};
}

void Worker::learn(double share, double entropy_weight, bool measure_accuracy) {
  const auto& options = config->train;
  LossInput input;
  input.logits = torch::stack(logits);
  input.values = torch::stack(values);
  input.actions = actions;
  input.targets =
      vtrace({.log_rhos = torch::zeros({unroll, worlds}),  // on-policy
              .discounts = (1 - is_done.slice(0, 1).to(torch::kFloat32)) * options.discount,
              .rewards = reward.slice(0, 1) * options.reward_scale,
              .values = input.values.detach(),
              .bootstrap = bootstrap,
              .timeout_returns = timeout_values * options.discount,
              .lambda = options.lambda});
  input.auxiliary = agent->auxiliary(torch::cat(features), torch::cat(hidden));
  input.depth_classes =
      depth_class.slice(0, 0, unroll).reshape({-1, kDepthPositions}).to(torch::kInt64);
  input.is_loop = is_loop.slice(0, 0, unroll).reshape({-1}).to(torch::kFloat32);
  const auto losses = compute_losses(input, {.value = options.value,
                                             .entropy = entropy_weight,
                                             .depth1 = options.depth1,
                                             .depth2 = options.depth2,
                                             .loop = options.loop});
  const auto note = [&](Mean& mean, const torch::Tensor& loss, const char* name) {
    if (!loss.defined()) return;
    const double value = loss.item<double>();
    CLEW_CHECK(std::isfinite(value), name, " is ", std::isnan(value) ? "nan" : "infinite");
    mean.add(value, share);
  };
  note(meters.loss_policy, losses.policy, "the policy loss");
  note(meters.loss_value, losses.value, "the value loss");
  note(meters.entropy, losses.entropy, "the entropy");
  note(meters.loss_depth1, losses.depth1, "the encoder's depth loss");
  note(meters.loss_depth2, losses.depth2, "the LSTM's depth loss");
  note(meters.loss_loop, losses.loop, "the loop closure loss");

  gradients.zero_();
  (losses.total * share).backward();

  if (measure_accuracy) {
    const torch::NoGradGuard no_grad;
    const auto depth = [&](Mean& mean, const torch::Tensor& prediction) {
      if (prediction.defined())
        mean.add((prediction.argmax(-1) == input.depth_classes)
                     .to(torch::kFloat32)
                     .mean()
                     .item<double>());
    };
    depth(meters.depth1_accuracy, input.auxiliary.depth1);
    depth(meters.depth2_accuracy, input.auxiliary.depth2);
    if (input.auxiliary.loop.defined()) {
      meters.loop_accuracy.add(((input.auxiliary.loop > 0) == (input.is_loop > 0.5))
                                   .to(torch::kFloat32)
                                   .mean()
                                   .item<double>());
    }
  }
  features.clear(), hidden.clear(), logits.clear(), values.clear();
}

}  // namespace

std::int32_t sample_action(const float* logits, int count, float uniform) {
  float largest = logits[0];
  for (int i = 1; i < count; ++i) largest = std::max(largest, logits[i]);
  float total = 0;
  float weights[64];
  for (int i = 0; i < count; ++i) total += weights[i] = std::exp(logits[i] - largest);
  float rest = uniform * total;
  for (int i = 0; i < count - 1; ++i) {
    if (rest < weights[i]) return i;
    rest -= weights[i];
  }
  return count - 1;
}

AgentOptions agent_options(const NavigateConfig& config) {
  return {.spec = parse_agent(config.agent),
          .height = config.size,
          .width = config.size,
          .lstm1 = config.lstm1,
          .lstm2 = config.lstm2,
          .precision = ops::chosen_precision(config.train.precision, ops::Products::kKernels)};
}

struct Trainer::Impl {
  Impl(const NavigateConfig& train_config, std::shared_ptr<const maze::Level> level);

  std::vector<std::unique_ptr<Worker>> make_workers(std::shared_ptr<const maze::Level> level);
  /// Linear schedule over steps.
  double scheduled(double start, double end) const {
    const double progress = static_cast<double>(steps) / static_cast<double>(config.train.steps);
    return start + (end - start) * std::min(1.0, progress);
  }
  double learning_rate() const {
    return train::Schedule{.config = config.train, .steps = config.train.steps}.at(steps);
  }

  NavigateConfig config;
  Key key;
  train::Replicas replicas;
  std::vector<std::unique_ptr<Worker>> workers;  // one per replica
  train::Optimizer optimizer;
  Meters meters;
  std::int64_t steps = 0, updates = 0;
};

Trainer::Impl::Impl(const NavigateConfig& train_config, std::shared_ptr<const maze::Level> level)
    : config(train_config),
      key{config.seed},
      replicas({.copies = config.train.workers, .threads = 1}),
      workers(make_workers(std::move(level))),
      optimizer(config.train, replicas.values()) {
  const Key worlds_key = fold_in(key, kKeyWorlds);
  replicas.run([&](int i) {
    auto& worker = *workers[static_cast<std::size_t>(i)];
    worker.env.reset(worlds_key, worker.buffers(worker.unroll));
  });
}

std::vector<std::unique_ptr<Worker>> Trainer::Impl::make_workers(
    std::shared_ptr<const maze::Level> level) {
  const int count = config.train.workers, worlds = config.train.worlds;
  CLEW_CHECK(worlds >= count, "train.worlds must be at least train.workers (", count, "), got ",
             worlds);
  std::vector<std::unique_ptr<Worker>> made;
  for (int i = 0; i < count; ++i) {
    const auto [begin, end] = share_of(worlds, i, count);
    Agent agent(agent_options(config), fold_in(key, kKeyWeights));
    replicas.add(*agent);
    made.push_back(std::make_unique<Worker>(config, level, static_cast<int>(begin),
                                            static_cast<int>(end - begin), std::move(agent),
                                            replicas.flat(i).gradients));
  }
  return made;
}

Trainer::Trainer(const NavigateConfig& config, std::shared_ptr<const maze::Level> level)
    : impl_([&] {
        check(config, "options");
        return std::make_unique<Impl>(config, std::move(level));
      }()) {}
Trainer::~Trainer() = default;

std::int64_t Trainer::steps() const { return impl_->steps; }
bool Trainer::is_finished() const { return impl_->steps >= impl_->config.train.steps; }

void Trainer::update() {
  auto& self = *impl_;
  const Key actions_key = fold_in(self.key, kKeyActions);
  const std::int64_t first_step = self.updates * self.config.train.unroll;
  const bool measure = self.updates % kAccuracyEvery == 0;
  const double entropy_weight =
      self.scheduled(self.config.train.entropy, self.config.train.entropy_end);
  try {
    self.replicas.run([&](int i) {
      auto& worker = *self.workers[static_cast<std::size_t>(i)];
      worker.rollout(actions_key, first_step);
      worker.learn(static_cast<double>(worker.worlds) / self.config.train.worlds, entropy_weight,
                   measure);
    });
    self.replicas.sum_gradients(train::SumOrder::kInTurn);
    self.meters.grad_norm.add(self.replicas.clip_gradients(self.config.train.clip));
    self.optimizer.step(self.replicas.values(), self.replicas.flat().gradients,
                        self.learning_rate(), &self.replicas.pool());
  } catch (const Error& error) {
    throw Error(concat("training stopped at step ", self.steps, ": ", error.what()));
  }
  // Each worker's loss is its share of the mean, so these are summed.
  Meters update;
  for (auto& worker : self.workers) {
    update.add(std::exchange(worker->meters, {}));
  }
  self.meters.add(update);
  ++self.updates;
  self.steps += std::int64_t{self.config.train.unroll} * self.config.train.worlds;
}

std::vector<runs::Metric> Trainer::take_metrics() {
  auto& self = *impl_;
  const Meters meters = std::exchange(self.meters, {});
  return {{"frames", static_cast<double>(self.steps * self.config.action_repeat)},
          {"episodes", meters.score.count},
          {"score", meters.score.get()},
          {"goals", meters.goals.get()},
          {"loss_policy", meters.loss_policy.get()},
          {"loss_value", meters.loss_value.get()},
          {"entropy", meters.entropy.get()},
          {"loss_depth1", meters.loss_depth1.get()},
          {"loss_depth2", meters.loss_depth2.get()},
          {"loss_loop", meters.loss_loop.get()},
          {"depth1_accuracy", meters.depth1_accuracy.get()},
          {"depth2_accuracy", meters.depth2_accuracy.get()},
          {"loop_accuracy", meters.loop_accuracy.get()},
          {"grad_norm", meters.grad_norm.get()},
          {"lr", self.learning_rate()}};
}

namespace {

/// A per-world tensor of all workers, concatenated in world order; undefined where the agent has
/// none.
template <class Get>
torch::Tensor gather(const std::vector<std::unique_ptr<Worker>>& workers, Get get) {
  std::vector<torch::Tensor> parts;
  for (const auto& worker : workers) parts.push_back(get(*worker));
  return parts[0].defined() ? torch::cat(parts) : torch::Tensor();
}

struct StateField {
  const char* name;
  torch::Tensor AgentState::*member;
};
constexpr StateField kStateFields[] = {{"state.h1", &AgentState::h1},
                                       {"state.c1", &AgentState::c1},
                                       {"state.h2", &AgentState::h2},
                                       {"state.c2", &AgentState::c2}};

struct RowField {
  const char* name;
  torch::Tensor Worker::*member;
};
constexpr RowField kRowFields[] = {{"worlds.reward", &Worker::reward},
                                   {"worlds.is_done", &Worker::is_done},
                                   {"worlds.last_action", &Worker::last_action}};

torch::Tensor floats(const std::vector<float>& values) {
  return torch::tensor(torch::ArrayRef<float>(values));
}

std::int64_t meta_number(const nn::TensorFile& file, const std::string& key,
                         const std::string& where) {
  const auto& text = nn::read_meta(file, key, where);
  std::size_t used = 0;
  std::int64_t value = -1;
  try {
    value = std::stoll(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  CLEW_CHECK(used == text.size() && !text.empty() && value >= 0, where, ": metadata '", key,
             "' must be a whole number, got '", text, "'");
  return value;
}

void load_weights(const nn::TensorFile& file, const nn::FlatParameters& flat,
                  const std::string& name) {
  const torch::NoGradGuard no_grad;
  for (const auto& entry : flat.entries) {
    flat.values.narrow(0, entry.offset, entry.size)
        .copy_(nn::read_tensor(file, "agent." + entry.name, torch::kFloat32, entry.shape, name)
                   .flatten());
  }
}

}  // namespace

std::vector<std::byte> Trainer::checkpoint(const std::map<std::string, std::string>& about) const {
  const auto& self = *impl_;
  nn::TensorFileBuilder out;
  for (const auto& [key, value] : about) out.set(key, value);
  out.set("clew.format", kFormat);
  out.set("steps", std::to_string(self.steps));
  out.set("updates", std::to_string(self.updates));
  out.set("agent", self.config.agent);
  for (const auto& entry : self.replicas.flat().entries) {
    out.add("agent." + entry.name,
            self.replicas.flat().values.narrow(0, entry.offset, entry.size).view(entry.shape));
  }
  for (const auto& [name, tensor] : self.optimizer.state()) out.add(name, tensor);
  for (const auto& field : kStateFields) {
    const auto rows =
        gather(self.workers, [&](const Worker& worker) { return worker.state.*field.member; });
    if (rows.defined()) out.add(field.name, rows);
  }
  for (const auto& field : kRowFields) {
    out.add(field.name, gather(self.workers, [&](const Worker& worker) {
              return (worker.*field.member)[worker.unroll];
            }));
  }
  out.add("worlds.episode_reward",
          gather(self.workers, [](const Worker& worker) { return floats(worker.episode_reward); }));
  out.add("worlds.episode_goals",
          gather(self.workers, [](const Worker& worker) { return floats(worker.episode_goals); }));

  std::vector<std::byte> lanes, lane;
  std::vector<std::int64_t> sizes;
  for (const auto& worker : self.workers) {
    for (int i = 0; i < worker->worlds; ++i) {
      worker->env.snapshot(i, lane);
      lanes.insert(lanes.end(), lane.begin(), lane.end());
      sizes.push_back(static_cast<std::int64_t>(lane.size()));
    }
  }
  out.add_bytes("worlds.lanes", lanes);
  out.add("worlds.lane_sizes", torch::tensor(torch::ArrayRef<std::int64_t>(sizes)));

  std::vector<double> meters;
  Meters copy = self.meters;
  for (int i = 0; i < Meters::kCount; ++i)
    meters.insert(meters.end(), {copy.at(i).sum, copy.at(i).count});
  out.add("meters", torch::tensor(torch::ArrayRef<double>(meters), torch::kFloat64));
  return out.finish();
}

void Trainer::restore(std::span<const std::byte> bytes, const std::string& name) {
  auto& self = *impl_;
  const auto file = train::parse_checkpoint(bytes, name, kFormat);
  const std::int64_t worlds = self.config.train.worlds;
  self.steps = meta_number(file, "steps", name);
  self.updates = meta_number(file, "updates", name);
  load_weights(file, self.replicas.flat(), name);
  for (const auto& [entry, tensor] : self.optimizer.state()) {
    tensor.copy_(nn::read_tensor(file, entry, torch::kFloat32, tensor.sizes(), name));
  }
  self.optimizer.set_steps(self.updates);
  const auto meters = nn::read_tensor(file, "meters", torch::kFloat64, {2 * Meters::kCount}, name);
  for (int i = 0; i < Meters::kCount; ++i) {
    self.meters.at(i) = {meters[2 * i].item<double>(), meters[2 * i + 1].item<double>()};
  }

  const auto sizes = nn::read_tensor(file, "worlds.lane_sizes", torch::kInt64, {worlds}, name);
  const auto lanes = nn::read_bytes(file, "worlds.lanes", name);
  const auto scores =
      nn::read_tensor(file, "worlds.episode_reward", torch::kFloat32, {worlds}, name);
  const auto goals = nn::read_tensor(file, "worlds.episode_goals", torch::kFloat32, {worlds}, name);
  std::size_t position = 0;
  for (auto& pointer : self.workers) {
    auto& worker = *pointer;
    const auto rows = [&](const torch::Tensor& all) {
      return all.narrow(0, worker.first_world, worker.worlds);
    };
    for (int i = 0; i < worker.worlds; ++i) {
      const auto size = sizes[worker.first_world + i].item<std::int64_t>();
      CLEW_CHECK(size >= 0 && static_cast<std::size_t>(size) <= lanes.size() - position, name,
                 ": lane_sizes run past the lanes (world ", worker.first_world + i, ")");
      worker.env.restore(i, lanes.subspan(position, static_cast<std::size_t>(size)));
      position += static_cast<std::size_t>(size);
      worker.episode_reward[static_cast<std::size_t>(i)] =
          scores[worker.first_world + i].item<float>();
      worker.episode_goals[static_cast<std::size_t>(i)] =
          goals[worker.first_world + i].item<float>();
    }
    worker.env.observe(worker.buffers(worker.unroll));
    for (const auto& field : kRowFields) {
      auto row = (worker.*field.member)[worker.unroll];
      row.copy_(rows(nn::read_tensor(file, field.name, row.scalar_type(), {worlds}, name)));
    }
    for (const auto& field : kStateFields) {
      auto& tensor = worker.state.*field.member;
      if (!tensor.defined()) continue;
      tensor =
          rows(nn::read_tensor(file, field.name, torch::kFloat32, {worlds, tensor.size(1)}, name))
              .clone();
    }
  }
  CLEW_CHECK(position == lanes.size(), name, ": ", lanes.size() - position,
             " bytes after the last lane");
}

Agent load_agent(const NavigateConfig& config, std::span<const std::byte> checkpoint,
                 const std::string& name) {
  const auto file = train::parse_checkpoint(checkpoint, name, kFormat);
  Agent agent(agent_options(config), Key{0});
  load_weights(file, nn::flatten(*agent), name);
  agent->begin_rollout();
  return agent;
}

}  // namespace clew::navigate
