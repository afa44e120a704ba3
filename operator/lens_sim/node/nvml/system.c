/* What NVML says of itself and of the driver, and which GPUs there are. */
#include <stdio.h>
#include <string.h>

#include "call.h"

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    struct call call;
    nvmlReturn_t code = call_begin_anyhow(&call, __func__);
    if (code != SUCCESS)
        return code;
    call_set_initialized(true);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlShutdown(void)
{
    CALL(NULL);
    call_set_initialized(false);
    return call_end(SUCCESS);
}

EXPORT const char *nvmlErrorString(nvmlReturn_t code)
{
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "Simulated Error %d", code);
    return text;
}

static nvmlReturn_t write_text(char *into, unsigned room, const char *text)
{
    if (strlen(text) >= room)
        return INSUFFICIENT_SIZE;
    strcpy(into, text);
    return SUCCESS;
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned room)
{
    CALL(NULL);
    return call_end(write_text(version, room, call.scenario->driver));
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    CALL(NULL);
    *version = 13000;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    return nvmlSystemGetCudaDriverVersion_v2(version);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    CALL(NULL);
    *count = (unsigned)call.scenario->gpus;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    if (index >= MAX_GPUS)
        return INVALID_ARGUMENT;
    CALL(device_handle((int)index, -1));
    *device = device_handle((int)index, -1);
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(const void *device, char *uuid, unsigned room)
{
    CALL(device);
    return call_end(write_text(uuid, room, call.instance ? call.instance->uuid : call.gpu->uuid));
}

EXPORT nvmlReturn_t nvmlDeviceGetName(const void *device, char *name, unsigned room)
{
    char text[2 * MAX_NAME + 8];
    CALL(device);
    snprintf(text, sizeof text, call.instance ? "%s MIG %s" : "%s", call.gpu->name,
             call.instance ? call.instance->profile : "");
    return call_end(write_text(name, room, text));
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(const void *device, unsigned *minor)
{
    CALL(device);
    *minor = call.gpu->minor;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetArchitecture(const void *device, unsigned *architecture)
{
    CALL(device);
    *architecture = call.gpu->architecture;
    return call_end(SUCCESS);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(const void *device, struct pci_info *info)
{
    CALL(device);
    unsigned slot = 6 + (unsigned)call.index;
    *info = (struct pci_info){.device = slot, .device_id = 590352606, .subsystem_id = 381751518};
    snprintf(info->legacy_bus_id, sizeof info->legacy_bus_id, "0000:00:%02X.0", slot);
    snprintf(info->bus_id, sizeof info->bus_id, "00000000:00:%02X.0", slot);
    return call_end(SUCCESS);
}
