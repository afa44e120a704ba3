/* Event sets: XIDs as the scenario's times come. */
#include <stdlib.h>
#include <time.h>

#include "call.h"

static const double STEP_SECONDS = 0.05; /* how often a wait looks whether something has come */

struct event_set {
    bool registered[MAX_GPUS];
    double since[MAX_GPUS];                 /* XIDs before this are nobody's news, by the scenario's time */
    struct xid delivered[MAX_GPUS * MAX_XIDS];
    int gpu_of[MAX_GPUS * MAX_XIDS];
    int count;
};

EXPORT nvmlReturn_t nvmlEventSetCreate(struct event_set **set)
{
    CALL(NULL);
    *set = calloc(1, sizeof **set);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlEventSetFree(struct event_set *set)
{
    free(set);
    return SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetSupportedEventTypes(const void *device, unsigned long long *types)
{
    CALL(device);
    *types = EVENTS_SUPPORTED;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceRegisterEvents(const void *device, unsigned long long types,
                                             struct event_set *set)
{
    CALL(device);
    if (types & ~EVENTS_SUPPORTED)
        return call_end(NOT_SUPPORTED);
    set->registered[call.index] = true;
    set->since[call.index] = call.time;
    return call_end(SUCCESS);
}

static bool is_delivered(const struct event_set *set, int gpu, const struct xid *xid)
{
    for (int index = 0; index < set->count; index++)
        if (set->gpu_of[index] == gpu && set->delivered[index].at == xid->at &&
            set->delivered[index].number == xid->number)
            return true;
    return false;
}

/* Deliver the next XID that has come; a GPU that is lost makes the wait fail, as a real driver does. */
static nvmlReturn_t look(const struct call *call, struct event_set *set, struct event *event)
{
    bool lost = false;
    for (int gpu = 0; gpu < call->scenario->gpus; gpu++) {
        const struct gpu *about = &call->scenario->gpu[gpu];
        if (!set->registered[gpu])
            continue;
        lost = lost || call->time >= about->lost_from;
        for (int index = 0; index < about->xids && set->count < MAX_GPUS * MAX_XIDS; index++) {
            const struct xid *xid = &about->xid[index];
            if (xid->at < set->since[gpu] || xid->at > call->time || is_delivered(set, gpu, xid))
                continue;
            set->gpu_of[set->count] = gpu;
            set->delivered[set->count++] = *xid;
            *event = (struct event){device_handle(gpu, -1), EVENT_XID, xid->number, xid->gpu_instance,
                                    xid->compute_instance};
            return SUCCESS;
        }
    }
    return lost ? GPU_IS_LOST : TIMEOUT;
}

EXPORT nvmlReturn_t nvmlEventSetWait_v2(struct event_set *set, struct event *event, unsigned milliseconds)
{
    double waited = 0;
    for (;;) {
        CALL(NULL);
        code = call_end(look(&call, set, event));
        if (code != TIMEOUT || waited * 1000 >= milliseconds)
            return code;
        struct timespec step = {0, (long)(STEP_SECONDS * 1e9)};
        nanosleep(&step, NULL);
        waited += STEP_SECONDS;
    }
}
