// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/vector_env.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "clew/core/error.h"
#include "clew/maze/labels.h"
#include "clew/maze/snapshot.h"
#include "tests/support/expect_error.h"

namespace clew::maze {
namespace vector_env_test {

constexpr RenderOptions kTiny{.width = 24, .height = 16};

// Buffers for everything an environment can write.
struct Everything {
  Everything(int worlds_in, const RenderOptions& render)
      : worlds(static_cast<std::size_t>(worlds_in)),
        pixels(static_cast<std::size_t>(render.width) * static_cast<std::size_t>(render.height)),
        rgb(worlds * 3 * pixels),
        final_rgb(rgb),
        semantic(worlds * pixels),
        is_done(worlds),
        is_truncated(worlds),
        depth_class(worlds * 64),
        is_loop(worlds),
        event(worlds),
        instance(worlds * pixels),
        depth(worlds * pixels),
        final_depth(depth),
        flow(2 * worlds * pixels),
        velocity(6 * worlds),
        final_velocity(velocity),
        reward(worlds),
        position(2 * worlds),
        heading(worlds),
        last_action(worlds),
        cell(worlds),
        goal_distance(worlds) {}

  StepBuffers buffers() {
    return {.rgb = rgb,
            .depth = depth,
            .velocity = velocity,
            .reward = reward,
            .is_done = is_done,
            .is_truncated = is_truncated,
            .last_action = last_action,
            .final_rgb = final_rgb,
            .final_depth = final_depth,
            .final_velocity = final_velocity,
            .position = position,
            .heading = heading,
            .cell = cell,
            .depth_class = depth_class,
            .is_loop = is_loop,
            .semantic = semantic,
            .instance = instance,
            .flow = flow,
            .goal_distance = goal_distance,
            .event = event};
  }

  // Hash of all outputs of one world, with the final observation if there is one.
  std::uint64_t digest(std::size_t world) const {
    std::string out;
    const auto add = [&](const auto& values) {
      const std::size_t each = values.size() / worlds * sizeof(values[0]);
      out.append(reinterpret_cast<const char*>(values.data()) + world * each, each);
    };
    add(rgb), add(semantic), add(is_done), add(is_truncated), add(depth_class), add(is_loop);
    add(event), add(instance), add(depth);
    add(flow), add(velocity), add(reward), add(position), add(heading), add(last_action), add(cell);
    add(goal_distance);
    if (is_done[world] != 0) add(final_rgb), add(final_depth), add(final_velocity);
    return std::hash<std::string>()(out);
  }

  std::size_t worlds, pixels;
  std::vector<std::uint8_t> rgb, final_rgb, semantic, is_done, is_truncated, depth_class, is_loop,
      event;
  std::vector<std::uint16_t> instance;
  std::vector<float> depth, final_depth, flow, velocity, final_velocity, reward, position, heading;
  std::vector<std::int32_t> last_action, cell, goal_distance;
};

// A corridor from west to east: spawn, apple, strawberry, lemon, fungus, goal at the far end.
Level corridor() {
  Level level;
  level.name = "corridor";
  level.grid = {.width = 9, .height = 1};
  level.grid.walls.assign(9, 1 << kNorth | 1 << kSouth);
  level.grid.walls.front() |= 1 << kWest;
  level.grid.walls.back() |= 1 << kEast;
  level.grid.faces.assign(36, 0);
  level.grid.floors.assign(9, 0);
  level.spawns = {{0, 0}};
  level.goals = {{8, 0}};
  level.things = {{{2, 0}, ThingKind::kApple},
                  {{3, 0}, ThingKind::kStrawberry},
                  {{4, 0}, ThingKind::kLemon},
                  {{5, 0}, ThingKind::kFungi}};
  finish_level(level);
  return level;
}

// A new maze, goal and fruit every episode.
Level random_level(int episode_frames) {
  Level level;
  level.name = "random";
  level.is_generated = true;
  level.generator = {.width = 6, .height = 5, .openings = 0.3F};
  level.rules.episode_frames = episode_frames;
  level.rules.is_maze_random = level.rules.is_goal_random = level.rules.is_fruit_random = true;
  level.rules.fruit_density = 0.3F;
  level.rules.strawberry_share = 0.3F;
  finish_level(level);
  return level;
}

std::shared_ptr<const Level> share(Level level) {
  return std::make_shared<const Level>(std::move(level));
}

std::vector<std::int32_t> random_actions(Key key, int step, int worlds) {
  std::vector<std::int32_t> actions;
  for (int i = 0; i < worlds; ++i) {
    Stream random(
        fold_in(key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(step / 3)));
    const std::uint32_t action = random.below(kActions + 4);
    actions.push_back(action >= kActions ? static_cast<std::int32_t>(Action::kForward)
                                         : static_cast<std::int32_t>(action));
  }
  return actions;
}

// Turns world 0 until it looks along `heading`, then stands still.
void face(VectorEnv& env, std::uint16_t heading) {
  for (int i = 0; i < 400; ++i) {
    const auto off = static_cast<std::int16_t>(heading - env.state(0).camera.heading);
    if (std::abs(off) < 256 && env.state(0).turn_rate == 0) return;
    // One frame a step: the other look brakes, so that it can stop anywhere and does not move.
    const bool is_right = (off > 0) == (i % 2 == 0);
    const std::int32_t actions[] = {
        static_cast<std::int32_t>(is_right ? Action::kLookRight : Action::kLookLeft)};
    env.step(actions, {});
  }
  FAIL() << "cannot face " << heading;
}

TEST(VectorEnv, FruitAndGoalPayOnceAndTheGoalPutsAllBack) {
  VectorEnv env(share(corridor()), {.render = kTiny, .action_repeat = 1});
  env.reset(Key{1}, {});
  face(env, 0);
  Everything all(1, kTiny);
  const std::int32_t forward[] = {static_cast<std::int32_t>(Action::kForward)};
  std::vector<float> rewards;
  int steps = 0;
  while (all.event[0] == 0 || (all.event[0] & kEventGoal) == 0) {
    ASSERT_LT(++steps, 400);
    const float before = env.state(0).camera.x;
    env.step(forward, all.buffers());
    if (all.event[0] == 0) {
      ASSERT_EQ(all.reward[0], 0);
      continue;
    }
    rewards.push_back(all.reward[0]);
    if ((all.event[0] & kEventFruit) == 0) continue;
    const int thing = static_cast<int>(rewards.size());
    // Touched 0.4 cells before its centre, within one frame.
    const float centre =
        0.5F + static_cast<float>(env.layout(0).things[static_cast<std::size_t>(thing)].cell.x);
    EXPECT_LT(before, centre - kTouchDistance + 0.02F);
    EXPECT_GT(env.state(0).camera.x, centre - kTouchDistance - 0.02F);
    for (int i = 0; i <= 4; ++i) EXPECT_EQ(env.is_collected(0, i), i >= 1 && i <= thing);
  }
  EXPECT_EQ(rewards, (std::vector<float>{1, 2, -1, -10, 10}));
  EXPECT_EQ(all.event[0], kEventGoal | kEventRespawn);
  const WorldState state = env.state(0);
  EXPECT_EQ(state.camera.x, 0.5F);
  EXPECT_EQ(state.camera.y, 0.5F);
  EXPECT_EQ(state.velocity_x, 0);
  EXPECT_EQ(state.turn_rate, 0);
  EXPECT_EQ(state.episode, 0);
  EXPECT_EQ(state.episode_goals, 1);
  EXPECT_EQ(state.episode_reward, 2);
  for (int i = 0; i <= 4; ++i) EXPECT_FALSE(env.is_collected(0, i));
  EXPECT_EQ(all.is_done[0], 0);
  EXPECT_EQ(all.last_action[0], static_cast<std::int32_t>(Action::kForward));
  EXPECT_EQ(all.goal_distance[0], 8);
  EXPECT_EQ(all.is_loop[0], 0);
  // No flow after a spawn.
  for (const float flow : all.flow) ASSERT_NEAR(flow, 0, 1e-3F);
}

TEST(VectorEnv, RespawnsDrawNewHeadingsAndPlaces) {
  Level level = corridor();
  level.things.clear();
  level.spawns = {{5, 0}, {6, 0}, {7, 0}};
  level.rules.episode_frames = 100'000;
  VectorEnv env(share(level), {.render = kTiny, .action_repeat = 1});
  env.reset(Key{2}, {});
  std::vector<int> cells;
  std::vector<std::uint16_t> headings;
  for (int goal = 0; goal < 12; ++goal) {
    face(env, 0);
    for (int i = 0; env.state(0).episode_goals == goal; ++i) {
      ASSERT_LT(i, 200);
      env.step(std::vector<std::int32_t>{static_cast<std::int32_t>(Action::kForward)}, {});
    }
    cells.push_back(static_cast<int>(env.state(0).camera.x));
    headings.push_back(env.state(0).camera.heading);
  }
  for (const int cell : {5, 6, 7}) EXPECT_GT(std::count(cells.begin(), cells.end(), cell), 0);
  std::sort(headings.begin(), headings.end());
  EXPECT_EQ(std::unique(headings.begin(), headings.end()), headings.end());
}

TEST(VectorEnv, AGoalMayEndTheEpisodeInTheMiddleOfAStep) {
  Level level = corridor();
  level.rules.does_goal_end_episode = true;
  VectorEnv env(share(level), {.render = kTiny, .action_repeat = 1});
  env.reset(Key{1}, {});
  face(env, 0);
  Everything all(1, kTiny);
  const std::vector<std::byte> start = env.snapshot(0);
  int frames = 0;
  const std::int32_t forward[] = {static_cast<std::int32_t>(Action::kForward)};
  while (all.is_done[0] == 0) {
    ASSERT_LT(++frames, 400);
    env.step(forward, all.buffers());
  }
  EXPECT_EQ(all.event[0], kEventGoal | kEventEpisodeEnd);
  EXPECT_EQ(all.reward[0], 10);
  EXPECT_EQ(all.last_action[0], -1);
  EXPECT_EQ(env.state(0).episode, 1);
  EXPECT_EQ(env.state(0).frame, 0);
  EXPECT_GT(all.final_velocity[0], 3);
  const std::vector<float> final_velocity = all.final_velocity;
  const std::vector<std::uint8_t> final_rgb = all.final_rgb;

  // With steps of 60 frames the last one ends as early, and sees the same.
  VectorEnv coarse(share(level), {.render = kTiny, .action_repeat = 60});
  coarse.restore(0, start);
  Everything coarse_all(1, kTiny);
  int steps = 0;
  while (coarse_all.is_done[0] == 0) {
    ASSERT_LT(++steps, 10);
    coarse.step(forward, coarse_all.buffers());
  }
  EXPECT_NE(frames % 60, 0);
  EXPECT_EQ(steps, frames / 60 + 1);
  EXPECT_EQ(coarse_all.final_velocity, final_velocity);
  EXPECT_TRUE(coarse_all.final_rgb == final_rgb);
  EXPECT_EQ(coarse.state(0).frame, 0);
}

TEST(VectorEnv, TellsTheClockFromTheGoal) {
  Level level = corridor();
  level.rules.does_goal_end_episode = true;
  Everything all(1, kTiny);
  const std::int32_t forward[] = {static_cast<std::int32_t>(Action::kForward)};
  // Plays one episode; the frames it lasted.
  const auto play = [&](int episode_frames) {
    level.rules.episode_frames = episode_frames;
    VectorEnv env(share(level), {.render = kTiny, .action_repeat = 1});
    env.reset(Key{1}, all.buffers());
    face(env, 0);
    int frames = env.state(0).frame;
    for (; all.is_done[0] == 0; ++frames) {
      EXPECT_EQ(all.is_truncated[0], 0);
      env.step(forward, all.buffers());
    }
    return frames;
  };
  const int frames = play(3600);
  EXPECT_LT(frames, 3600);
  EXPECT_EQ(all.event[0], kEventGoal | kEventEpisodeEnd);
  EXPECT_EQ(all.is_truncated[0], 0);

  EXPECT_EQ(play(frames - 1), frames - 1);
  EXPECT_EQ(all.event[0], kEventEpisodeEnd);
  EXPECT_EQ(all.is_truncated[0], 1);

  EXPECT_EQ(play(frames), frames);
  EXPECT_EQ(all.event[0], kEventGoal | kEventEpisodeEnd);
  EXPECT_EQ(all.is_truncated[0], 0) << "the goal in the very last frame counts";
}

TEST(VectorEnv, AGoalThatNeitherEndsNorRespawnsIsGone) {
  Level level = corridor();
  level.rules.does_goal_respawn_player = false;
  VectorEnv env(share(level), {.render = kTiny, .action_repeat = 4});
  env.reset(Key{1}, {});
  Everything all(1, kTiny);
  float sum = 0;
  for (int i = 0; i < 600; ++i) {
    // Forward and back along the corridor with whatever heading: sliding does the rest.
    env.step(random_actions(Key{9}, i, 1), all.buffers());
    sum += all.reward[0];
  }
  EXPECT_EQ(env.state(0).episode_goals, 1);
  EXPECT_TRUE(env.is_collected(0, 0));
  EXPECT_EQ(sum, 2);
}

TEST(VectorEnv, TheLastObservationOfAnEpisodeIsKeptAndTheNextBegins) {
  Level level = corridor();
  level.rules.episode_frames = 10;
  const auto shared = share(level);
  VectorEnv env(shared, {.render = kTiny, .action_repeat = 4});
  level.rules.episode_frames = 1000;
  VectorEnv longer(share(level), {.render = kTiny, .action_repeat = 2});
  Everything all(1, kTiny), wanted(1, kTiny);
  env.reset(Key{5}, all.buffers());
  longer.reset(Key{5}, wanted.buffers());
  EXPECT_TRUE(all.rgb == wanted.rgb);
  const std::int32_t action[] = {static_cast<std::int32_t>(Action::kLookRightForward)};
  std::fill(all.final_rgb.begin(), all.final_rgb.end(), std::uint8_t{77});
  for (int step = 0; step < 2; ++step) {
    env.step(action, all.buffers());
    EXPECT_EQ(all.is_done[0], 0);
    EXPECT_EQ(all.event[0] & kEventEpisodeEnd, 0);
    EXPECT_EQ(all.final_rgb, std::vector<std::uint8_t>(all.final_rgb.size(), 77))
        << "untouched where not done";
  }
  // Frames 9 and 10 of the third step are the last; frame 11 would belong to the next episode.
  env.step(action, all.buffers());
  for (int step = 0; step < 5; ++step) longer.step(action, wanted.buffers());
  EXPECT_EQ(all.is_done[0], 1);
  EXPECT_EQ(all.event[0] & kEventEpisodeEnd, kEventEpisodeEnd);
  EXPECT_TRUE(all.final_rgb == wanted.rgb);
  EXPECT_TRUE(all.final_depth == wanted.depth);
  EXPECT_EQ(all.final_velocity, wanted.velocity);
  EXPECT_EQ(env.state(0).episode, 1);
  EXPECT_EQ(env.state(0).frame, 0);
  EXPECT_EQ(env.state(0).episode_reward, 0);

  // The first observation of episode 1 comes from the key alone, not from what happened in episode
  // 0.
  VectorEnv other(shared, {.render = kTiny, .action_repeat = 4});
  Everything first(1, kTiny);
  other.reset(Key{5}, {});
  const std::int32_t look[] = {0};
  for (int step = 0; step < 3; ++step) other.step(look, first.buffers());
  EXPECT_EQ(first.is_done[0], 1);
  EXPECT_TRUE(first.rgb == all.rgb);
  EXPECT_EQ(first.heading, all.heading);
  EXPECT_EQ(first.last_action[0], -1);
}

TEST(VectorEnv, VelocityIsInThePlayersFrame) {
  VectorEnv env(share(corridor()), {.render = kTiny, .action_repeat = 4});
  env.reset(Key{3}, {});
  Everything all(1, kTiny);
  for (int step = 0; step < 200; ++step) {
    env.step(random_actions(Key{4}, step, 1), all.buffers());
    const WorldState state = env.state(0);
    const double a = state.camera.heading * (2 * 3.14159265358979 / 65536);
    EXPECT_NEAR(all.velocity[0], state.velocity_x * std::cos(a) + state.velocity_y * std::sin(a),
                1e-5);
    EXPECT_NEAR(all.velocity[1], state.velocity_y * std::cos(a) - state.velocity_x * std::sin(a),
                1e-5);
    for (const std::size_t i : {2, 3, 4}) EXPECT_EQ(all.velocity[i], 0);
    EXPECT_EQ(all.velocity[5], state.turn_rate);
    EXPECT_EQ(all.position[0], state.camera.x);
    EXPECT_EQ(all.position[1], state.camera.y);
    EXPECT_EQ(all.heading[0], static_cast<float>(state.camera.heading) / 65536);
    EXPECT_EQ(all.cell[0], static_cast<int>(state.camera.x));
    EXPECT_EQ(all.goal_distance[0], 8 - all.cell[0]);
  }
}

TEST(VectorEnv, DepthClassesDoNotNeedDepthToBeAskedFor) {
  for (const RenderOptions& render : {kTiny, RenderOptions{.width = 84, .height = 84}}) {
    VectorEnv env(share(random_level(3600)), {.worlds = 3, .render = render});
    Everything all(3, render);
    std::vector<std::uint8_t> alone(all.depth_class.size());
    env.reset(Key{6}, all.buffers());
    for (int step = 0; step < 5; ++step) {
      env.step(random_actions(Key{7}, step, 3), all.buffers());
      env.observe({.depth_class = alone});
      EXPECT_EQ(alone, all.depth_class);
      for (std::size_t i = 0; i < 3; ++i) {
        std::uint8_t wanted[64];
        depth_classes({all.depth.data() + i * all.pixels, all.pixels}, render.width, render.height,
                      wanted);
        EXPECT_EQ(std::memcmp(wanted, alone.data() + 64 * i, 64), 0);
      }
    }
  }
}

TEST(VectorEnv, ObserveRepeatsTheLastStepWithoutStepping) {
  VectorEnv env(share(random_level(3600)), {.worlds = 2, .render = kTiny});
  Everything stepped(2, kTiny), observed(2, kTiny);
  env.reset(Key{8}, {});
  for (int step = 0; step < 20; ++step)
    env.step(random_actions(Key{8}, step, 2), stepped.buffers());
  for (int again = 0; again < 2; ++again) {
    env.observe(observed.buffers());
    EXPECT_EQ(observed.reward, std::vector<float>(2, 0));
    EXPECT_EQ(observed.event, std::vector<std::uint8_t>(2, 0));
    EXPECT_EQ(observed.is_done, std::vector<std::uint8_t>(2, 0));
    observed.reward = stepped.reward;
    observed.event = stepped.event;
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(observed.digest(i), stepped.digest(i));
  }
}

// The trail is cleared at a respawn: positions before it do not count for loop closure.
TEST(VectorEnv, LoopsAreTheDefinitionWithinALife) {
  Level level = corridor();
  level.spawns = {{6, 0}, {7, 0}};
  VectorEnv env(share(level), {.render = kTiny, .action_repeat = 4});
  Everything all(1, kTiny);
  env.reset(Key{12}, all.buffers());
  const auto round = [](float v) { return std::floor(v * 128.0 + 0.5) / 128; };
  std::vector<double> life = {round(all.position[0])};
  std::vector<double> life_y = {round(all.position[1])};
  int loops = 0, respawns = 0;
  for (int step = 0; step < 1500; ++step) {
    env.step(random_actions(Key{13}, step / 4, 1), all.buffers());
    if ((all.event[0] & (kEventRespawn | kEventEpisodeEnd)) != 0) {
      life.clear();
      life_y.clear();
      ++respawns;
      // Frames of the same step may follow a respawn: the spawn point is not an observation.
    }
    life.push_back(round(all.position[0]));
    life_y.push_back(round(all.position[1]));
    bool wanted = false;
    const std::size_t t = life.size() - 1;
    for (std::size_t i = 0; i < t && !wanted; ++i) {
      if (std::hypot(life[i] - life[t], life_y[i] - life_y[t]) > 1) continue;
      for (std::size_t j = i + 1; j < t && !wanted; ++j) {
        wanted = std::hypot(life[j] - life[t], life_y[j] - life_y[t]) >= 2;
      }
    }
    ASSERT_EQ(all.is_loop[0] != 0, wanted) << step;
    loops += wanted ? 1 : 0;
  }
  EXPECT_GT(loops, 100);
  EXPECT_GT(respawns, 3);
}

// Outputs of a world depend on level, key, world index and actions alone.
TEST(VectorEnv, SameBytesForAnyThreadsPositionAndHistory) {
  const auto level = share(random_level(100));
  constexpr int kWorlds = 7, kSteps = 60;
  std::vector<std::uint64_t> wanted;
  const auto run = [&](VectorEnv& env, int first, int count) {
    Everything all(count, kTiny);
    std::vector<std::uint64_t> digests(static_cast<std::size_t>(count));
    env.reset(Key{31}, all.buffers());
    for (int step = 0; step < kSteps; ++step) {
      std::vector<std::int32_t> actions = random_actions(Key{32}, step, kWorlds);
      actions.erase(actions.begin(), actions.begin() + first);
      actions.resize(static_cast<std::size_t>(count));
      env.step(actions, all.buffers());
      for (std::size_t i = 0; i < digests.size(); ++i)
        digests[i] = mix64(digests[i] + all.digest(i));
    }
    return digests;
  };
  for (const int threads : {1, 2, 4}) {
    VectorEnv env(level, {.worlds = kWorlds, .threads = threads, .render = kTiny});
    const auto digests = run(env, 0, kWorlds);
    if (wanted.empty()) wanted = digests;
    EXPECT_EQ(digests, wanted) << threads << " threads";
    EXPECT_EQ(run(env, 0, kWorlds), wanted) << threads << " threads, the instance used before";
  }
  EXPECT_NE(wanted[0], wanted[1]);
  for (int first = 0; first < kWorlds; ++first) {
    VectorEnv env(level, {.worlds = 1, .first_world = first, .render = kTiny});
    EXPECT_EQ(run(env, first, 1)[0], wanted[static_cast<std::size_t>(first)]) << first;
  }
}

TEST(VectorEnv, ASnapshotGoesOnAsIfNeverStopped) {
  for (const bool is_random : {true, false}) {
    Level made = is_random ? random_level(200) : corridor();
    if (!is_random) made.rules.episode_frames = 200;
    const auto level = share(made);
    VectorEnv env(level, {.worlds = 3, .render = kTiny});
    VectorEnv other(level, {.worlds = 2, .render = kTiny});
    Everything all(3, kTiny), other_all(2, kTiny);
    env.reset(Key{41}, {});
    other.reset(Key{42}, {});
    std::vector<std::byte> snapshot;
    for (int step = 0; step < 130; ++step) {
      env.step(random_actions(Key{43}, step, 3), all.buffers());
      other.step(random_actions(Key{44}, step, 2), other_all.buffers());
      if (step % 17 != 0) continue;
      // World 1 of one env becomes world 0 of another and of itself's neighbour, mid-episode.
      env.snapshot(1, snapshot);
      EXPECT_TRUE(snapshot == env.snapshot(1));
      other.restore(0, snapshot);
      env.fork(1, 2);
      EXPECT_TRUE(env.snapshot(2) == snapshot);
      EXPECT_TRUE(other.snapshot(0) == snapshot);
      env.observe(all.buffers());
      other.observe(other_all.buffers());
      for (int more = 0; more < 60; ++more) {  // past the end of the episode
        const std::int32_t action = random_actions(Key{45}, more, 1)[0];
        ASSERT_EQ(all.digest(1), all.digest(2)) << step << " " << more;
        ASSERT_EQ(all.digest(1), other_all.digest(0)) << step << " " << more;
        ASSERT_TRUE(other.snapshot(0) == env.snapshot(1)) << step << " " << more;
        env.step(std::vector<std::int32_t>{3, action, action}, all.buffers());
        other.step(std::vector<std::int32_t>{action, 2}, other_all.buffers());
      }
    }
  }
}

TEST(VectorEnv, RefusesEverySnapshotThatIsNotOneOfThisLevel) {
  const auto level = share(random_level(400));
  VectorEnv env(level, {.render = kTiny});
  env.reset(Key{51}, {});
  for (int step = 0; step < 40; ++step) env.step(random_actions(Key{52}, step, 1), {});
  const std::vector<std::byte> good = env.snapshot(0);
  env.reset(Key{53}, {});
  const std::vector<std::byte> before = env.snapshot(0);
  const auto refusal = [&](std::span<const std::byte> bytes) {
    const std::string error = error_of([&] { env.restore(0, bytes); });
    EXPECT_TRUE(env.snapshot(0) == before) << error;
    return error;
  };
  const std::size_t fixed = sizeof(SnapshotHeader) + sizeof(Lane);
  EXPECT_EQ(refusal({}), concat("a maze snapshot has at least ", fixed, " bytes, got 0"));
  for (std::size_t size = 0; size < good.size(); size += 7) {
    EXPECT_NE(refusal(std::span(good).first(size)), "no error") << size;
  }
  std::vector<std::byte> longer = good;
  longer.resize(longer.size() + 4);
  EXPECT_EQ(refusal(longer),
            concat("this maze snapshot should have ", good.size() - fixed,
                   " bytes after the first ", fixed, ", got ", longer.size(), " in all"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::byte> altered = good;
    altered[i] ^= std::byte{1};
    EXPECT_NE(refusal(altered), "no error") << i;
  }
  std::vector<std::byte> altered = good;
  altered[fixed] ^= std::byte{128};
  EXPECT_EQ(refusal(altered),
            "this maze snapshot was altered: its checksum does not fit its contents");
  altered = good;
  altered[0] ^= std::byte{1};
  EXPECT_EQ(refusal(altered),
            concat("these ", good.size(),
                   " bytes are not a maze snapshot of a machine of this byte order"));
  altered = good;
  altered[8] = std::byte{2};
  EXPECT_EQ(refusal(altered), "this maze snapshot is of version 2, wanted version 1");

  VectorEnv elsewhere(share(random_level(401)), {.render = kTiny});
  EXPECT_EQ(refusal(elsewhere.snapshot(0)),
            "this maze snapshot is of another level than 'random' or of other contents of it");
  env.restore(0, good);
  EXPECT_TRUE(env.snapshot(0) == good);
}

// A complete snapshot with a valid checksum and an unreachable state.
TEST(VectorEnv, RefusesSnapshotsOfImpossibleStates) {
  const auto level = share(random_level(400));
  VectorEnv env(level, {.render = kTiny});
  const std::vector<std::byte> before = env.snapshot(0);
  const auto refusal = [&](const auto& change, std::size_t trail_points = 1) {
    Lane lane;
    std::memcpy(&lane, before.data() + sizeof(SnapshotHeader), sizeof lane);
    change(lane);
    World forged;
    forged.prepare(*level, lane);
    forged.resume(lane, std::vector<std::byte>(4 * trail_points));
    std::vector<std::byte> bytes;
    write_snapshot(forged, level_hash(*level), bytes);
    const std::string error = error_of([&] { env.restore(0, bytes); });
    EXPECT_TRUE(env.snapshot(0) == before);
    return error;
  };
  const std::string wanted = "this maze snapshot holds a state that level 'random' cannot be in";
  const float nan = std::nanf("");
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.x = nan; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.x = -3; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.y = 1e9F; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.y = 0.05F; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.velocity_x = 100; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.velocity_y = nan; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.body.turn = 1 << 30; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.previous_x = nan; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.frame = 400; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.frame = -1; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.episode = -1; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.episode = std::numeric_limits<std::int64_t>::max(); }),
            wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.respawns = -1; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.respawns = 1; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.goals = 1; }), wanted) << "in frame 0";
  EXPECT_EQ(refusal([&](Lane&) {}, 2), wanted) << "two points of a trail in frame 0";
  EXPECT_EQ(refusal([&](Lane& lane) { lane.last_action = 8; }), wanted);
  EXPECT_EQ(refusal([&](Lane& lane) { lane.episode_reward = nan; }), wanted);
  // And in the episode of another key, whose maze must be drawn first.
  EXPECT_EQ(refusal([&](Lane& lane) {
              lane.world = Key{99};
              lane.body.x = nan;
            }),
            wanted);
}

TEST(VectorEnv, AFaultInAWorkerReachesTheCallerOnce) {
  for (const int threads : {1, 2, 4}) {
    const auto level = std::make_shared<Level>(corridor());
    level->rules.episode_frames = 8;
    VectorEnv env(level, {.worlds = 8, .threads = threads, .render = kTiny});
    env.reset(Key{1}, {});
    const std::vector<std::int32_t> actions(8, 0);
    env.step(actions, {});
    const std::vector<Cell> spawns =
        std::exchange(level->spawns, level->goals);  // the next draw_layout throws
    EXPECT_EQ(error_of([&] { env.step(actions, {}); }),
              "level 'corridor' needs a spawn from which the goal can be reached, got none");
    level->spawns = spawns;
    const std::string faulty =
        "this maze environment failed in an earlier step, reset it before going on";
    EXPECT_EQ(error_of([&] { env.step(actions, {}); }), faulty);
    EXPECT_EQ(error_of([&] { env.observe({}); }), faulty);
    EXPECT_EQ(error_of([&] { static_cast<void>(env.snapshot(0)); }), faulty);
    EXPECT_EQ(error_of([&] { env.fork(0, 1); }), faulty);
    env.reset(Key{1}, {});
    env.step(actions, {});
    EXPECT_EQ(env.state(7).frame, 4);
  }
}

TEST(VectorEnv, NamesWhatIsWrong) {
  const auto level = share(corridor());
  const auto made = [&](const VectorEnvOptions& options) {
    return error_of([&] { VectorEnv env(level, options); });
  };
  EXPECT_EQ(error_of([] { VectorEnv env(nullptr, {}); }),
            "a maze environment needs a level, got none");
  EXPECT_EQ(made({.worlds = 0}), "worlds must be in 1..65536, got 0 (maze environment)");
  EXPECT_EQ(made({.worlds = 65537}), "worlds must be in 1..65536, got 65537 (maze environment)");
  EXPECT_EQ(made({.first_world = -1}), "first_world must be at least 0, got -1 (maze environment)");
  EXPECT_EQ(made({.threads = 0}), "threads must be in 1..1024, got 0 (maze environment)");
  EXPECT_EQ(made({.worlds = 1, .threads = 1025}),
            "threads must be in 1..1024, got 1025 (maze environment)");
  EXPECT_EQ(made({.action_repeat = 0}),
            "action_repeat must be in 1..60 frames, got 0 (maze environment)");
  EXPECT_EQ(made({.action_repeat = 61}),
            "action_repeat must be in 1..60 frames, got 61 (maze environment)");
  EXPECT_EQ(made({.loop_near = 2, .loop_far = 2}),
            "loop_near and loop_far must be cells with 0 < loop_near < loop_far, got 2 and 2 (maze "
            "environment)");
  EXPECT_NE(made({.loop_near = std::nanf("")}), "no error");
  EXPECT_NE(made({.loop_far = std::numeric_limits<float>::infinity()}), "no error");
  EXPECT_NE(made({.render = {.width = 8}}), "no error");

  VectorEnv env(level, {.worlds = 2, .render = kTiny});
  env.reset(Key{1}, {});
  const std::vector<std::byte> before = env.snapshot(0);
  const auto step = [&](std::vector<std::int32_t> actions) {
    return error_of([&] { env.step(actions, {}); });
  };
  EXPECT_EQ(step({0}), "actions must be one a world, 2, got 1");
  EXPECT_EQ(step({0, 8}), "action must be in 0..7, got 8 for world 1");
  EXPECT_EQ(step({-1, 0}), "action must be in 0..7, got -1 for world 0");
  EXPECT_TRUE(env.snapshot(0) == before) << "nothing stepped";
  std::vector<float> reward(3);
  EXPECT_EQ(error_of([&] {
              env.step(std::vector<std::int32_t>{0, 0}, {.reward = reward});
            }),
            "buffer reward must have 2 elements (2 worlds) or none, got 3");
  EXPECT_EQ(error_of([&] { env.observe({.velocity = reward}); }),
            "buffer velocity must have 12 elements (2 worlds) or none, got 3");
  EXPECT_TRUE(env.snapshot(0) == before) << "nothing stepped";
  VectorEnv fresh(level, {.worlds = 2, .render = kTiny});
  EXPECT_EQ(error_of([&] {
              fresh.step(std::vector<std::int32_t>{0, 0}, {});
            }),
            "reset this maze environment, or restore a snapshot, before it is stepped");
  fresh.restore(0, before);
  EXPECT_EQ(error_of([&] { fresh.step(std::vector<std::int32_t>{0, 0}, {}); }), "no error");
  const std::string world = "world must be in 0..1, got 2";
  EXPECT_EQ(error_of([&] { env.state(2); }), world);
  EXPECT_EQ(error_of([&] { env.layout(2); }), world);
  EXPECT_EQ(error_of([&] { static_cast<void>(env.snapshot(2)); }), world);
  EXPECT_EQ(error_of([&] { env.restore(2, before); }), world);
  EXPECT_EQ(error_of([&] { env.fork(0, 2); }), world);
  EXPECT_EQ(error_of([&] { env.fork(2, 0); }), world);
  EXPECT_EQ(error_of([&] { env.is_collected(-1, 0); }), "world must be in 0..1, got -1");
  EXPECT_EQ(error_of([&] { env.is_collected(0, 5); }), "thing must be in 0..4, got 5 (world 0)");
}

}  // namespace vector_env_test
}  // namespace clew::maze
