/* Multi-instance GPUs: their instances, and how busy those are by GPM (Hopper and later). */
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* What a GPM sample holds here: when it was taken, and of what. */
struct gpm_sample {
    double time;
    const void *device;
    unsigned gpu_instance;
};

EXPORT nvmlReturn_t nvmlDeviceGetMigMode(const void *device, unsigned *current, unsigned *pending)
{
    CALL(device);
    *current = *pending = call.gpu->mig;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(const void *device, unsigned *count)
{
    CALL(device);
    *count = call.gpu->mig ? 7 : 0;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(const void *device, unsigned index, void **instance)
{
    CALL(device);
    if (!call.gpu->mig || index >= (unsigned)call.gpu->instances)
        return call_end(NOT_FOUND);
    *instance = device_handle(call.index, (int)index);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(const void *device, unsigned *id)
{
    CALL(device);
    if (call.instance)
        *id = call.instance->gpu_instance;
    return call_end(call.instance ? SUCCESS : NOT_SUPPORTED);
}

EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(const void *device, unsigned *id)
{
    CALL(device);
    if (call.instance)
        *id = call.instance->compute_instance;
    return call_end(call.instance ? SUCCESS : NOT_SUPPORTED);
}

EXPORT nvmlReturn_t nvmlDeviceGetAttributes_v2(const void *device, struct attributes *attributes)
{
    CALL(device);
    if (!call.instance)
        return call_end(NOT_SUPPORTED);
    *attributes = (struct attributes){.multiprocessors = 16 * call.instance->slices,
                                      .gpu_slices = call.instance->slices,
                                      .compute_slices = call.instance->slices,
                                      .memory_mib = call.instance->memory_mib};
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlGpmQueryDeviceSupport(const void *device, struct gpm_support *support)
{
    CALL(device);
    support->supported = call.gpu->architecture >= ARCHITECTURE_HOPPER;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlGpmSampleAlloc(struct gpm_sample **sample)
{
    CALL(NULL);
    *sample = calloc(1, sizeof **sample);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlGpmSampleFree(struct gpm_sample *sample)
{
    free(sample);
    return SUCCESS;
}

EXPORT nvmlReturn_t nvmlGpmMigSampleGet(const void *device, unsigned gpu_instance, struct gpm_sample *sample)
{
    CALL(device);
    bool known = false;
    for (int index = 0; index < call.gpu->instances; index++)
        known = known || call.gpu->instance[index].gpu_instance == gpu_instance;
    if (!call.gpu->mig || !known || call.gpu->architecture < ARCHITECTURE_HOPPER)
        return call_end(NOT_SUPPORTED);
    *sample = (struct gpm_sample){call.time, device, gpu_instance};
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlGpmMetricsGet(struct gpm_request *request)
{
    const struct gpm_sample *first = request->first, *second = request->second;
    if (request->version != 1)
        return ARGUMENT_VERSION_MISMATCH;
    if (!first->device || !second->device)
        return INVALID_ARGUMENT;
    CALL(first->device);
    /* Samples of two instances, of none, or under 100 ms apart give nothing. */
    bool usable = first->device == second->device && first->gpu_instance == second->gpu_instance &&
                  second->time - first->time >= 0.1;
    for (unsigned index = 0; index < request->count; index++) {
        struct gpm_metric *metric = &request->metrics[index];
        metric->code = metric->id == METRIC_GRAPHICS_UTILIZATION && usable ? SUCCESS : INVALID_ARGUMENT;
        metric->value = 0;
        for (int each = 0; metric->code == SUCCESS && each < call.gpu->instances; each++) {
            const struct instance *instance = &call.gpu->instance[each];
            if (instance->gpu_instance == first->gpu_instance)
                metric->value = series_at(&instance->utilization, second->time);
        }
    }
    return call_end(SUCCESS);
}
