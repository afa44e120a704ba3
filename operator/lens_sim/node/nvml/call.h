/* One call into the library: what it is about, and whether it fails or takes its time. */
#ifndef CALL_H
#define CALL_H

#include "scenario.h"

/* What an nvmlDevice_t points to. `instance` is below 0 for a whole GPU. */
struct device {
    int gpu, instance;
};

/* A call that is under way. Between begin and end it holds the scenario as it is at `time`. */
struct call {
    const struct scenario *scenario;
    const struct gpu *gpu;           /* NULL for a call without a device */
    const struct instance *instance; /* NULL for a whole GPU */
    int index;                       /* the GPU's */
    double time;                     /* in seconds of the scenario */
    double now;                      /* in seconds since the epoch */
};

/* Begin a call: wait as long as it takes, then return SUCCESS with the scenario held, or an error. */
nvmlReturn_t call_begin(struct call *call, const char *function, const void *device);

/* Begin a call that doesn't need an initialized library. */
nvmlReturn_t call_begin_anyhow(struct call *call, const char *function);

/* End it, whatever came of it; return `code`. */
nvmlReturn_t call_end(nvmlReturn_t code);

/* Look for a fault of a function, as call_begin does, without waiting. The scenario is held. */
nvmlReturn_t call_fault(const struct call *call, const char *function);

struct device *device_handle(int gpu, int instance);
void call_set_initialized(bool initialized);

/* How busy a GPU, or an instance, is at a time: percent. */
double busy(const struct call *call, double time);

#define CALL(device) \
    struct call call; \
    nvmlReturn_t code = call_begin(&call, __func__, device); \
    if (code != SUCCESS) \
        return code

#endif
