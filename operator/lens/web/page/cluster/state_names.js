// What a state is called, for what the caller may see: without the tasks it isn't known what held GPUs do.
import { computed } from "../core/html.js";
import { can, level } from "../client/access.js";
import { STATES } from "./gpu_states.js";

/** The name of held GPUs that aren't known to be busy or idle. */
const heldName = computed(() => {
  if (!can.value.tasks) return "held";
  return level.value === "capacity" ? "held by others" : "held, not measured";
});

/** The states that the caller can see, with names: [{ id, name, glyph, means }]. */
export const states = computed(() =>
  STATES.filter(({ id }) => can.value.tasks || (id !== "busy" && id !== "idle")).map((state) =>
    state.id === "held" ? { ...state, name: heldName.value } : state,
  ),
);

/** A state's name. */
export function stateName(id) {
  return states.value.find((state) => state.id === id)?.name ?? id;
}
