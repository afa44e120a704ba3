/* What one GPU measures. Where the scenario says nothing it is between the recorded H100's idle and its
 * full load, by how busy it is. */
#include <math.h>
#include <string.h>

#include "call.h"

static const unsigned long long MEMORY_TOTAL = 85520809984, MEMORY_RESERVED = 503316480;
static const double SAMPLE_SECONDS = 0.2;
static const int SAMPLES_KEPT = 71;

static double between(const struct call *call, double idle, double loaded)
{
    return idle + (loaded - idle) * busy(call, call->time) / 100;
}

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(const void *device, struct utilization *rates)
{
    CALL(device);
    if (call.gpu->mig)
        return call_end(NOT_SUPPORTED);
    *rates = (struct utilization){.gpu = (unsigned)lround(busy(&call, call.time))};
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetSamples(const void *device, unsigned type, unsigned long long last_seen,
                                         unsigned *value_type, unsigned *count, struct sample *samples)
{
    struct call call;
    /* The first of two calls asks for the buffer's size only, which takes no time. */
    nvmlReturn_t code = call_begin(&call, samples ? __func__ : "nvmlDeviceGetSamples:size", device);
    if (code != SUCCESS)
        return code;
    code = call_fault(&call, __func__);
    if (code == SUCCESS && (type != SAMPLES_GPU_UTILIZATION || call.gpu->mig))
        code = NOT_SUPPORTED;
    if (code != SUCCESS)
        return call_end(code);
    *value_type = VALUE_UNSIGNED_INT;
    if (!samples) {
        *count = (unsigned)SAMPLES_KEPT;
        return call_end(SUCCESS);
    }
    double newest = floor(call.now / SAMPLE_SECONDS);
    unsigned written = 0;
    for (double index = newest - SAMPLES_KEPT + 1; index <= newest && written < *count; index++) {
        double at = index * SAMPLE_SECONDS;
        if ((unsigned long long)(at * 1e6) <= last_seen)
            continue;
        samples[written].timestamp = (unsigned long long)(at * 1e6);
        samples[written].value.as_unsigned = (unsigned)lround(busy(&call, at - call.scenario->start));
        written++;
    }
    *count = written;
    return call_end(written ? SUCCESS : NOT_FOUND);
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(const void *device, struct versioned_memory *memory)
{
    CALL(device);
    if (memory->version != MEMORY_V2)
        return call_end(ARGUMENT_VERSION_MISMATCH);
    memory->total = call.instance ? call.instance->memory_mib << 20 : MEMORY_TOTAL;
    memory->reserved = call.instance ? 0 : MEMORY_RESERVED;
    memory->used = call.instance ? call.instance->used_memory
                                 : (unsigned long long)series_at(&call.gpu->used_memory, call.time);
    memory->free = memory->total - memory->reserved - memory->used;
    return call_end(SUCCESS);
}

/* Before R510: what is reserved is told as used. */
EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(const void *device, struct memory *memory)
{
    struct versioned_memory newer = {.version = MEMORY_V2};
    nvmlReturn_t code = nvmlDeviceGetMemoryInfo_v2(device, &newer);
    *memory = (struct memory){newer.total, newer.free, newer.total - newer.free};
    return code;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(const void *device, unsigned sensor, unsigned *celsius)
{
    CALL(device);
    if (sensor != 0)
        return call_end(INVALID_ARGUMENT);
    *celsius = (unsigned)lround(between(&call, 50, 57));
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperatureV(const void *device, struct temperature *temperature)
{
    if (temperature->version != TEMPERATURE_V1)
        return ARGUMENT_VERSION_MISMATCH;
    unsigned celsius = 0;
    nvmlReturn_t code = nvmlDeviceGetTemperature(device, temperature->sensor, &celsius);
    temperature->celsius = (int)celsius;
    return code;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(const void *device, unsigned *milliwatts)
{
    CALL(device);
    *milliwatts = (unsigned)between(&call, 83294, 271345);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(const void *device, unsigned *milliwatts)
{
    CALL(device);
    *milliwatts = 700000;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(const void *device, unsigned long long *millijoules)
{
    static double millijoules_used[MAX_GPUS], counted_at[MAX_GPUS];
    CALL(device);
    double *used = &millijoules_used[call.index], *since = &counted_at[call.index];
    if (*since == 0)
        *used = 4397322;
    else if (call.now > *since)
        *used += between(&call, 83294, 271345) * (call.now - *since);
    *since = call.now;
    *millijoules = (unsigned long long)*used;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(const void *device, unsigned clock, unsigned *megahertz)
{
    CALL(device);
    if (clock != CLOCK_SM && clock != CLOCK_MEMORY)
        return call_end(NOT_SUPPORTED);
    *megahertz = clock == CLOCK_MEMORY ? 2619 : busy(&call, call.time) > 0 ? 1980 : 345;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(const void *device, unsigned long long *reasons)
{
    CALL(device);
    *reasons = busy(&call, call.time) > 0 ? 0 : 1;
    if (call.gpu->clock_events_given)
        *reasons = call.gpu->clock_events;
    return call_end(SUCCESS);
}

/* Its name before R535. */
EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(const void *device, unsigned long long *reasons)
{
    return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

EXPORT nvmlReturn_t nvmlDeviceGetEccMode(const void *device, unsigned *current, unsigned *pending)
{
    CALL(device);
    *current = *pending = call.gpu->ecc;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetTotalEccErrors(const void *device, unsigned type, unsigned counter,
                                                unsigned long long *count)
{
    CALL(device);
    *count = type != ERROR_UNCORRECTED ? 0
             : counter == ECC_VOLATILE ? call.gpu->ecc_volatile
                                       : call.gpu->ecc_aggregate;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetRemappedRows(const void *device, unsigned *correctable,
                                              unsigned *uncorrectable, unsigned *pending, unsigned *failed)
{
    CALL(device);
    *correctable = call.gpu->remapped[0];
    *uncorrectable = call.gpu->remapped[1];
    *pending = call.gpu->remapped[2];
    *failed = call.gpu->remapped[3];
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetFieldValues(const void *device, int count, struct field_value *values)
{
    CALL(device);
    for (int index = 0; index < count; index++) {
        struct field_value *field = &values[index];
        field->type = VALUE_UNSIGNED_INT;
        field->timestamp = (long long)(call.now * 1e6);
        field->code = NOT_SUPPORTED;
        field->value.as_long = 0;
        if (field->id == FIELD_RECOVERY_ACTION) {
            field->code = call_fault(&call, "nvmlDeviceGetFieldValues:230");
            field->value.as_unsigned = call.gpu->recovery_action;
        } else if (field->id == FIELD_NVLINK_COUNT && call.gpu->links) {
            field->code = SUCCESS;
            field->value.as_unsigned = call.gpu->links;
        }
    }
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetNvLinkState(const void *device, unsigned link, unsigned *active)
{
    CALL(device);
    if (!call.gpu->links)
        return call_end(NOT_SUPPORTED);
    if (link >= call.gpu->links)
        return call_end(INVALID_ARGUMENT);
    *active = link < call.gpu->links_up;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(const void *device, unsigned *count,
                                                            struct process_info *infos)
{
    CALL(device);
    unsigned room = *count;
    *count = (unsigned)call.gpu->processes;
    if (room < *count)
        return call_end(INSUFFICIENT_SIZE);
    for (unsigned index = 0; index < *count; index++) {
        const struct process *process = &call.gpu->process[index];
        infos[index] = (struct process_info){process->pid, process->used_memory, process->gpu_instance,
                                             process->compute_instance};
    }
    return call_end(SUCCESS);
}

/* Version 3 has the same structure. */
EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(const void *device, unsigned *count,
                                                            struct process_info *infos)
{
    return nvmlDeviceGetComputeRunningProcesses_v3(device, count, infos);
}

EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(const void *device, struct process_sample *samples,
                                                    unsigned *count, unsigned long long last_seen)
{
    CALL(device);
    unsigned long long at = (unsigned long long)(floor(call.now / SAMPLE_SECONDS) * SAMPLE_SECONDS * 1e6);
    if (call.gpu->mig)
        return call_end(NOT_SUPPORTED);
    if (!call.gpu->processes || at <= last_seen)
        return call_end(NOT_FOUND);
    if (*count < (unsigned)call.gpu->processes || !samples) {
        *count = (unsigned)call.gpu->processes;
        return call_end(INSUFFICIENT_SIZE);
    }
    *count = (unsigned)call.gpu->processes;
    for (unsigned index = 0; index < *count; index++) {
        const struct process *process = &call.gpu->process[index];
        unsigned used = (unsigned)lround(series_at(&process->utilization, call.time));
        samples[index] = (struct process_sample){.pid = process->pid, .timestamp = at, .sm = used};
    }
    return call_end(SUCCESS);
}
