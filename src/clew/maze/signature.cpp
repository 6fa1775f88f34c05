// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/signature.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <limits>
#include <vector>

#include "clew/core/error.h"
#include "clew/maze/labels.h"
#include "clew/maze/vector_env.h"

namespace clew::maze {
namespace {

constexpr Key kSignatureKey{0x636c6577};  // "clew"

template <class T>
void add(XXH3_state_t& state, const std::vector<T>& values) {
  XXH3_64bits_update(&state, values.data(), values.size() * sizeof(T));
}

}  // namespace

std::uint64_t signature(const std::shared_ptr<const Level>& level,
                        const SignatureOptions& options) {
  static_assert(std::endian::native == std::endian::little,
                "the bytes of floats and integers are hashed as they lie");
  CLEW_CHECK(options.steps >= 1, "steps must be at least 1, got ", options.steps,
             " (maze signature)");
  VectorEnv env(level,
                {.worlds = options.worlds, .threads = options.threads, .render = options.render});
  const auto worlds = static_cast<std::size_t>(options.worlds);
  const std::size_t pixels = static_cast<std::size_t>(options.render.width) *
                             static_cast<std::size_t>(options.render.height) * worlds;

  std::vector<std::uint8_t> rgb(3 * pixels), semantic(pixels), final_rgb(3 * pixels);
  std::vector<std::uint16_t> instance(pixels);
  std::vector<float> depth(pixels), flow(2 * pixels), final_depth(pixels);
  std::vector<float> velocity(6 * worlds), final_velocity(6 * worlds), reward(worlds),
      position(2 * worlds), heading(worlds);
  std::vector<std::uint8_t> is_done(worlds), is_loop(worlds), event(worlds),
      depth_class(64 * worlds);
  std::vector<std::int32_t> last_action(worlds), cell(worlds), goal_distance(worlds),
      actions(worlds);
  const StepBuffers out{.rgb = rgb,
                        .depth = depth,
                        .velocity = velocity,
                        .reward = reward,
                        .is_done = is_done,
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

  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset(&state);
  const auto add_all = [&] {
    for (float& value : flow) {
      if (value != value)
        value = std::numeric_limits<float>::quiet_NaN();  // canonical: payloads may differ
    }
    for (const auto* values :
         {&rgb, &semantic, &final_rgb, &is_done, &is_loop, &event, &depth_class}) {
      add(state, *values);
    }
    for (const auto* values :
         {&depth, &flow, &final_depth, &velocity, &final_velocity, &reward, &position, &heading}) {
      add(state, *values);
    }
    for (const auto* values : {&last_action, &cell, &goal_distance}) add(state, *values);
    add(state, instance);
  };

  env.reset(kSignatureKey, out);
  add_all();
  std::vector<Stream> random;
  for (std::size_t i = 0; i < worlds; ++i) random.emplace_back(fold_in(kSignatureKey, 1, i));
  for (int step = 0; step < options.steps; ++step) {
    for (std::size_t i = 0; i < worlds; ++i) {
      // Repeated for some steps, and forward half of the time, so that players move around.
      if (step != 0 && random[i].below(4) != 0) continue;
      actions[i] = static_cast<std::int32_t>(random[i].below(2 * kActions));
      if (actions[i] >= kActions) actions[i] = static_cast<std::int32_t>(Action::kForward);
    }
    env.step(actions, out);
    add_all();
  }
  return XXH3_64bits_digest(&state);
}

}  // namespace clew::maze
