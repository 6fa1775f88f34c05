// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/vector_env.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/core/turns.h"
#include "clew/maze/labels.h"
#include "clew/maze/snapshot.h"
#include "clew/maze/world.h"

namespace clew::maze {
namespace {

VectorEnvOptions checked(const std::shared_ptr<const Level>& level,
                         const VectorEnvOptions& options) {
  CLEW_CHECK(level != nullptr, "a maze environment needs a level, got none");
  CLEW_CHECK(options.worlds >= 1 && options.worlds <= 65536, "worlds must be in 1..65536, got ",
             options.worlds, " (maze environment)");
  CLEW_CHECK(options.first_world >= 0, "first_world must be at least 0, got ", options.first_world,
             " (maze environment)");
  CLEW_CHECK(options.threads >= 1 && options.threads <= 1024, "threads must be in 1..1024, got ",
             options.threads, " (maze environment)");
  CLEW_CHECK(options.action_repeat >= 1 && options.action_repeat <= 60,
             "action_repeat must be in 1..60 frames, got ", options.action_repeat,
             " (maze environment)");
  CLEW_CHECK(options.loop_near > 0 && options.loop_near < options.loop_far &&
                 std::isfinite(options.loop_far),
             "loop_near and loop_far must be cells with 0 < loop_near < loop_far, got ",
             options.loop_near, " and ", options.loop_far, " (maze environment)");
  return options;
}

void write_velocity(const Body& body, float* out) {
  const Direction ahead = direction_of(body.heading16());
  out[0] = body.velocity_x * ahead.x + body.velocity_y * ahead.y;
  out[1] = body.velocity_y * ahead.x - body.velocity_x * ahead.y;
  out[2] = out[3] = out[4] = 0;  // the player stays on the floor and upright
  out[5] = body.turn_rate();
}

/// Buffers of wrong sizes: clew::Error.
void check_sizes(const StepBuffers& out, std::size_t worlds, std::size_t pixels) {
  const auto check = [&](const char* name, const auto& span, std::size_t each) {
    CLEW_CHECK(span.empty() || span.size() == worlds * each, "buffer ", name, " must have ",
               worlds * each, " elements (", worlds, " worlds) or none, got ", span.size());
  };
  check("rgb", out.rgb, 3 * pixels);
  check("depth", out.depth, pixels);
  check("velocity", out.velocity, 6);
  check("reward", out.reward, 1);
  check("is_done", out.is_done, 1);
  check("is_truncated", out.is_truncated, 1);
  check("last_action", out.last_action, 1);
  check("final_rgb", out.final_rgb, 3 * pixels);
  check("final_depth", out.final_depth, pixels);
  check("final_velocity", out.final_velocity, 6);
  check("position", out.position, 2);
  check("heading", out.heading, 1);
  check("cell", out.cell, 1);
  check("depth_class", out.depth_class, kDepthRows * kDepthColumns);
  check("is_loop", out.is_loop, 1);
  check("semantic", out.semantic, pixels);
  check("instance", out.instance, pixels);
  check("flow", out.flow, 2 * pixels);
  check("goal_distance", out.goal_distance, 1);
  check("event", out.event, 1);
}

}  // namespace

struct VectorEnv::Impl {
  /// Scratch memory of a worker for rendering.
  struct Scratch {
    std::vector<Sprite> sprites;
    std::vector<float> depth;  // [H,W]; for depth classes without depth
  };

  Impl(std::shared_ptr<const Level> level_in, const VectorEnvOptions& options_in)
      : options(checked(level_in, options_in)),
        level(std::move(level_in)),
        hash(level_hash(*level)),
        reach(Trail::reach_of(options.loop_near, options.loop_far)),
        renderer(options.render),
        pool(std::min(options.threads, options.worlds)),
        worlds(static_cast<std::size_t>(options.worlds)),
        scratch(static_cast<std::size_t>(pool.threads())) {}

  // Options and derived values.
  const VectorEnvOptions options;
  const std::shared_ptr<const Level> level;
  const std::uint64_t hash;
  const Trail::Reach reach;
  const Renderer renderer;

  ThreadPool pool;
  std::vector<World> worlds;
  std::vector<Scratch> scratch;  // one a worker
  World spare;             // for drawing and checking a restored layout before it replaces a world
  bool is_faulty = false;  // a worker failed, so worlds may be inconsistent
  bool is_begun = false;   // reset or restored

  std::size_t pixels() const {
    return static_cast<std::size_t>(options.render.width) *
           static_cast<std::size_t>(options.render.height);
  }

  World& world_at(int world) {
    CLEW_CHECK(world >= 0 && world < options.worlds, "world must be in 0..", options.worlds - 1,
               ", got ", world);
    return worlds[static_cast<std::size_t>(world)];
  }

  /// Calls part(world, scratch) for every world, in parallel.
  template <class Part>
  void for_each_world(const Part& part) {
    const bool was_faulty = std::exchange(is_faulty, true);  // until all have finished
    pool.run([&](int worker) {
      const Share share = share_of(options.worlds, worker, pool.threads());
      Scratch& own = scratch[static_cast<std::size_t>(worker)];
      for (std::int64_t i = share.begin; i < share.end; ++i) part(static_cast<std::size_t>(i), own);
    });
    is_faulty = was_faulty;
  }

  void check_buffers(const StepBuffers& out) const { check_sizes(out, worlds.size(), pixels()); }

  /// Episode 0 of every world.
  void begin(Key key, const StepBuffers& out) {
    is_faulty = false;
    const auto first = static_cast<std::uint64_t>(options.first_world);
    for_each_world([&](std::size_t i, Scratch& own) {
      worlds[i].begin(*level, fold_in(key, first + i), 0);
      write(i, {}, own, out);
    });
  }

  void check_usable() const {
    CLEW_CHECK(!is_faulty,
               "this maze environment failed in an earlier step, reset it before going on");
  }

  void render(const World& world, Scratch& own, const FrameBuffers& frame) const {
    if (frame.rgb == nullptr && frame.depth == nullptr && frame.semantic == nullptr &&
        frame.instance == nullptr && frame.flow == nullptr) {
      return;
    }
    world.sprites(own.sprites);
    renderer.render(*world.layout().grid, own.sprites, world.camera(), world.previous(), frame);
  }

  void write_final(std::size_t i, Scratch& own, const StepBuffers& out) const {
    const World& world = worlds[i];
    FrameBuffers frame;
    frame.is_planar = options.is_planar;
    if (!out.final_rgb.empty()) frame.rgb = out.final_rgb.data() + i * 3 * pixels();
    if (!out.final_depth.empty()) frame.depth = out.final_depth.data() + i * pixels();
    render(world, own, frame);
    if (!out.final_velocity.empty())
      write_velocity(world.lane().body, out.final_velocity.data() + 6 * i);
  }

  void write(std::size_t i, const Outcome& outcome, Scratch& own, const StepBuffers& out) const {
    const World& world = worlds[i];
    const Body& body = world.lane().body;
    FrameBuffers frame;
    frame.is_planar = options.is_planar;
    if (!out.rgb.empty()) frame.rgb = out.rgb.data() + i * 3 * pixels();
    if (!out.semantic.empty()) frame.semantic = out.semantic.data() + i * pixels();
    if (!out.instance.empty()) frame.instance = out.instance.data() + i * pixels();
    if (!out.flow.empty()) frame.flow = out.flow.data() + i * 2 * pixels();
    if (!out.depth.empty()) {
      frame.depth = out.depth.data() + i * pixels();
    } else if (!out.depth_class.empty()) {
      own.depth.resize(pixels());
      frame.depth = own.depth.data();
    }
    render(world, own, frame);
    if (!out.depth_class.empty()) {
      depth_classes({frame.depth, pixels()}, options.render.width, options.render.height,
                    out.depth_class.data() + i * kDepthRows * kDepthColumns);
    }
    if (!out.velocity.empty()) write_velocity(body, out.velocity.data() + 6 * i);
    if (!out.reward.empty()) out.reward[i] = outcome.reward;
    if (!out.is_done.empty()) out.is_done[i] = outcome.is_episode_over ? 1 : 0;
    if (!out.is_truncated.empty()) out.is_truncated[i] = outcome.is_truncated ? 1 : 0;
    if (!out.event.empty()) out.event[i] = outcome.event;
    if (!out.last_action.empty()) out.last_action[i] = world.lane().last_action;
    if (!out.position.empty()) {
      out.position[2 * i] = body.x;
      out.position[2 * i + 1] = body.y;
    }
    if (!out.heading.empty()) out.heading[i] = static_cast<float>(body.heading16()) * 0x1p-16F;
    if (!out.cell.empty()) out.cell[i] = world.cell();
    if (!out.is_loop.empty()) out.is_loop[i] = world.trail().is_loop(reach) ? 1 : 0;
    if (!out.goal_distance.empty()) {
      const std::uint16_t steps =
          world.layout().goal_distance[static_cast<std::size_t>(world.cell())];
      out.goal_distance[i] = steps == 65535 ? -1 : steps;
    }
  }
};

VectorEnv::VectorEnv(std::shared_ptr<const Level> level, const VectorEnvOptions& options)
    : impl_(std::make_unique<Impl>(std::move(level), options)) {
  impl_->begin(Key{}, {});
}

VectorEnv::~VectorEnv() = default;

int VectorEnv::worlds() const { return impl_->options.worlds; }
const Level& VectorEnv::level() const { return *impl_->level; }
const VectorEnvOptions& VectorEnv::options() const { return impl_->options; }

void VectorEnv::reset(Key key, const StepBuffers& out) {
  impl_->check_buffers(out);
  impl_->begin(key, out);
  impl_->is_begun = true;
}

void VectorEnv::step(std::span<const std::int32_t> actions, const StepBuffers& out) {
  Impl& own = *impl_;
  own.check_usable();
  CLEW_CHECK(own.is_begun,
             "reset this maze environment, or restore a snapshot, before it is stepped");
  own.check_buffers(out);
  CLEW_CHECK(actions.size() == own.worlds.size(), "actions must be one a world, ",
             own.worlds.size(), ", got ", actions.size());
  for (std::size_t i = 0; i < actions.size(); ++i) {
    CLEW_CHECK(actions[i] >= 0 && actions[i] < kActions, "action must be in 0..", kActions - 1,
               ", got ", actions[i], " for world ", i);
  }
  own.for_each_world([&](std::size_t i, Impl::Scratch& scratch) {
    World& world = own.worlds[i];
    const Outcome outcome =
        world.step(*own.level, static_cast<Action>(actions[i]), own.options.action_repeat);
    if (outcome.is_episode_over) {
      own.write_final(i, scratch, out);
      world.begin(*own.level, world.lane().world, world.lane().episode + 1);
    }
    own.write(i, outcome, scratch, out);
  });
}

void VectorEnv::observe(const StepBuffers& out) {
  Impl& own = *impl_;
  own.check_usable();
  own.check_buffers(out);
  own.for_each_world(
      [&](std::size_t i, Impl::Scratch& scratch) { own.write(i, {}, scratch, out); });
}

WorldState VectorEnv::state(int world) const {
  const World& own = impl_->world_at(world);
  const Lane& lane = own.lane();
  return {.camera = own.camera(),
          .velocity_x = lane.body.velocity_x,
          .velocity_y = lane.body.velocity_y,
          .turn_rate = lane.body.turn_rate(),
          .episode = lane.episode,
          .frame = lane.frame,
          .episode_reward = lane.episode_reward,
          .episode_goals = lane.goals};
}

const Layout& VectorEnv::layout(int world) const { return impl_->world_at(world).layout(); }

bool VectorEnv::is_collected(int world, int thing) const {
  const World& own = impl_->world_at(world);
  const auto things = static_cast<int>(own.layout().things.size());
  CLEW_CHECK(thing >= 0 && thing < things, "thing must be in 0..", things - 1, ", got ", thing,
             " (world ", world, ")");
  return own.lane().is_collected(static_cast<std::size_t>(thing));
}

std::vector<std::byte> VectorEnv::snapshot(int world) const {
  std::vector<std::byte> bytes;
  snapshot(world, bytes);
  return bytes;
}

void VectorEnv::snapshot(int world, std::vector<std::byte>& out) const {
  impl_->check_usable();
  write_snapshot(impl_->world_at(world), impl_->hash, out);
}

void VectorEnv::restore(int world, std::span<const std::byte> snapshot) {
  Impl& own = *impl_;
  own.check_usable();
  World& target = own.world_at(world);
  const SnapshotView view = read_snapshot(snapshot, own.hash, own.level->name);
  // A layout of another episode is drawn in `spare`, so that a refused snapshot leaves the world
  // unchanged.
  const bool is_same_maze = target.lane().episode_key() == view.lane.episode_key();
  World& checked = is_same_maze ? target : own.spare;
  checked.prepare(*own.level, view.lane);
  CLEW_CHECK(checked.accepts(*own.level, view.lane, view.trail.size() / 4),
             "this maze snapshot holds a state that level '", own.level->name, "' cannot be in");
  checked.resume(view.lane, view.trail);
  if (!is_same_maze) std::swap(target, own.spare);
  own.is_begun = true;
}

void VectorEnv::fork(int from, int to) {
  Impl& own = *impl_;
  own.check_usable();
  const World& source = own.world_at(from);
  World& target = own.world_at(to);
  if (&source == &target) return;
  target.prepare(*own.level, source.lane());
  std::vector<std::byte> trail(source.trail().byte_size());
  source.trail().write(trail.data());
  target.resume(source.lane(), trail);
}

}  // namespace clew::maze
