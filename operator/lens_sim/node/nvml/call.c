#include "call.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const double LOOK_SECONDS = 0.02; /* how often the file is looked at */

/* What calls took on an H100 under load, in microseconds; those under 20 are over before one could wait. */
static const struct {
    const char *function;
    double microseconds;
} RECORDED[] = {
    {"nvmlInitWithFlags", 11100},
    {"nvmlDeviceGetTotalEnergyConsumption", 2403},
    {"nvmlDeviceGetSamples", 1383},
    {"nvmlDeviceGetProcessUtilization", 1364},
    {"nvmlGpmMetricsGet", 958},
    {"nvmlGpmMigSampleGet", 193},
    {"nvmlDeviceGetMaxMigDeviceCount", 84},
    {"nvmlDeviceGetEccMode", 82},
    {"nvmlDeviceGetMigMode", 82},
    {"nvmlDeviceGetComputeRunningProcesses_v3", 36},
    {"nvmlDeviceGetNvLinkState", 22},
    {"nvmlDeviceGetFieldValues", 22},
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct scenario scenario;
static struct device handles[MAX_GPUS][MAX_INSTANCES + 1];
static bool loaded, initialized;
static double looked_at;
static struct timespec changed;
static off_t size;
static ino_t inode;

static double epoch_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_for(double seconds)
{
    struct timespec rest = {(time_t)seconds, (long)(fmod(seconds, 1) * 1e9)};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

static bool is_new(const char *path)
{
    struct stat seen;
    if (stat(path, &seen) != 0)
        return !loaded;
    if (loaded && seen.st_mtim.tv_sec == changed.tv_sec && seen.st_mtim.tv_nsec == changed.tv_nsec &&
        seen.st_size == size && seen.st_ino == inode)
        return false;
    changed = seen.st_mtim;
    size = seen.st_size;
    inode = seen.st_ino;
    return true;
}

/* Read the scenario again if it changed. One that is wrong leaves the last right one in force. */
static bool refresh(double now)
{
    static struct scenario fresh;
    const char *path = getenv("FAKE_NVML_SCENARIO");
    if (!path && !loaded)
        scenario_default(&scenario, now);
    else if (path && (!loaded || now - looked_at > LOOK_SECONDS || now < looked_at)) {
        looked_at = now;
        if (is_new(path)) {
            char problem[160] = "";
            int line = scenario_read(&fresh, path, loaded ? scenario.start : now, problem);
            if (line) {
                fprintf(stderr, "simulated NVML: %s:%d: %s\n", path, line, problem);
                return loaded;
            }
            scenario = fresh;
        }
    }
    for (int gpu = 0; gpu < MAX_GPUS; gpu++)
        for (int instance = 0; instance <= MAX_INSTANCES; instance++)
            handles[gpu][instance] = (struct device){gpu, instance - 1};
    loaded = true;
    return true;
}

struct device *device_handle(int gpu, int instance)
{
    return &handles[gpu][instance + 1];
}

void call_set_initialized(bool value)
{
    initialized = value;
}

static const struct fault *find(const struct fault *faults, int count, const char *function, double time,
                                bool late)
{
    for (int index = 0; index < count; index++) {
        const struct fault *fault = &faults[index];
        bool named = !strcmp(fault->function, function) || !strcmp(fault->function, "*");
        if (named && fault->from <= time && (fault->delay_seconds > 0) == late)
            return fault;
    }
    return NULL;
}

nvmlReturn_t call_fault(const struct call *call, const char *function)
{
    const struct scenario *all = call->scenario;
    const struct fault *fault = find(all->fault, all->faults, function, call->time, false);
    if (!fault && call->gpu && call->time >= call->gpu->lost_from)
        return GPU_IS_LOST;
    if (!fault && call->gpu)
        fault = find(call->gpu->fault, call->gpu->faults, function, call->time, false);
    return fault ? fault->code : SUCCESS;
}

static double delay(const struct call *call, const char *function)
{
    const struct fault *fault = NULL;
    if (call->gpu)
        fault = find(call->gpu->fault, call->gpu->faults, function, call->time, true);
    if (!fault)
        fault = find(call->scenario->fault, call->scenario->faults, function, call->time, true);
    if (fault)
        return fault->delay_seconds;
    for (size_t index = 0; call->scenario->slow && index < sizeof RECORDED / sizeof *RECORDED; index++)
        if (!strcmp(RECORDED[index].function, function))
            return RECORDED[index].microseconds / 1e6;
    return 0;
}

/* Take hold of the scenario, and find in it what the call is about. */
static bool hold(struct call *call, const struct device *device)
{
    pthread_mutex_lock(&mutex);
    double now = epoch_seconds();
    *call = (struct call){.scenario = &scenario, .now = now};
    if (!refresh(now))
        return false;
    call->time = now - scenario.start;
    if (!device)
        return true;
    call->index = device->gpu;
    call->gpu = &scenario.gpu[device->gpu];
    if (device->instance >= 0)
        call->instance = &call->gpu->instance[device->instance];
    return device->gpu < scenario.gpus && device->instance < call->gpu->instances;
}

static nvmlReturn_t begin(struct call *call, const char *function, const struct device *device)
{
    if (!hold(call, device))
        return call_end(INVALID_ARGUMENT);
    double seconds = delay(call, function);
    if (seconds > 0) {
        pthread_mutex_unlock(&mutex);
        pause_for(seconds);
        if (!hold(call, device))
            return call_end(INVALID_ARGUMENT);
    }
    nvmlReturn_t code = call_fault(call, function);
    return code == SUCCESS ? SUCCESS : call_end(code);
}

nvmlReturn_t call_begin(struct call *call, const char *function, const void *device)
{
    return initialized ? begin(call, function, device) : UNINITIALIZED;
}

nvmlReturn_t call_begin_anyhow(struct call *call, const char *function)
{
    return begin(call, function, NULL);
}

nvmlReturn_t call_end(nvmlReturn_t code)
{
    pthread_mutex_unlock(&mutex);
    return code;
}

double busy(const struct call *call, double time)
{
    if (call->gpu && call->time >= call->gpu->lost_from)
        return 0;
    return series_at(call->instance ? &call->instance->utilization : &call->gpu->utilization, time);
}
