/* Call every function of the simulated library on every GPU of the scenario. */
#include <stdio.h>
#include <stdlib.h>

#include "abi.h"

extern nvmlReturn_t nvmlInitWithFlags(unsigned), nvmlShutdown(void);
extern nvmlReturn_t nvmlSystemGetDriverVersion(char *, unsigned), nvmlSystemGetCudaDriverVersion_v2(int *);
extern nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *), nvmlDeviceGetHandleByIndex_v2(unsigned, void **);
extern nvmlReturn_t nvmlDeviceGetUUID(void *, char *, unsigned), nvmlDeviceGetName(void *, char *, unsigned);
extern nvmlReturn_t nvmlDeviceGetMinorNumber(void *, unsigned *), nvmlDeviceGetArchitecture(void *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetPciInfo_v3(void *, struct pci_info *);
extern nvmlReturn_t nvmlDeviceGetUtilizationRates(void *, struct utilization *);
extern nvmlReturn_t nvmlDeviceGetSamples(void *, unsigned, unsigned long long, unsigned *, unsigned *, struct sample *);
extern nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(void *, struct versioned_memory *);
extern nvmlReturn_t nvmlDeviceGetMemoryInfo(void *, struct memory *);
extern nvmlReturn_t nvmlDeviceGetTemperatureV(void *, struct temperature *);
extern nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(void *, unsigned long long *);
extern nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(void *, unsigned *, struct process_info *);
extern nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *);
extern nvmlReturn_t nvmlDeviceGetTemperature(void *, unsigned, unsigned *), nvmlDeviceGetPowerUsage(void *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(void *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(void *, unsigned long long *);
extern nvmlReturn_t nvmlDeviceGetClockInfo(void *, unsigned, unsigned *);
extern nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(void *, unsigned long long *);
extern nvmlReturn_t nvmlDeviceGetEccMode(void *, unsigned *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetTotalEccErrors(void *, unsigned, unsigned, unsigned long long *);
extern nvmlReturn_t nvmlDeviceGetRemappedRows(void *, unsigned *, unsigned *, unsigned *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetFieldValues(void *, int, struct field_value *);
extern nvmlReturn_t nvmlDeviceGetNvLinkState(void *, unsigned, unsigned *);
extern nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(void *, unsigned *, struct process_info *);
extern nvmlReturn_t nvmlDeviceGetProcessUtilization(void *, struct process_sample *, unsigned *, unsigned long long);
extern nvmlReturn_t nvmlDeviceGetMigMode(void *, unsigned *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(void *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(void *, unsigned, void **);
extern nvmlReturn_t nvmlDeviceGetGpuInstanceId(void *, unsigned *), nvmlDeviceGetComputeInstanceId(void *, unsigned *);
extern nvmlReturn_t nvmlDeviceGetAttributes_v2(void *, struct attributes *);
extern nvmlReturn_t nvmlGpmQueryDeviceSupport(void *, struct gpm_support *);
extern nvmlReturn_t nvmlGpmSampleAlloc(void **), nvmlGpmSampleFree(void *);
extern nvmlReturn_t nvmlGpmMigSampleGet(void *, unsigned, void *), nvmlGpmMetricsGet(struct gpm_request *);
extern nvmlReturn_t nvmlEventSetCreate(void **), nvmlEventSetFree(void *);
extern nvmlReturn_t nvmlDeviceRegisterEvents(void *, unsigned long long, void *);
extern nvmlReturn_t nvmlEventSetWait_v2(void *, struct event *, unsigned);

static void instances(void *gpu)
{
    unsigned most = 0, id = 0;
    void *instance = NULL;
    nvmlDeviceGetMaxMigDeviceCount(gpu, &most);
    for (unsigned index = 0; index < most; index++) {
        if (nvmlDeviceGetMigDeviceHandleByIndex(gpu, index, &instance) != SUCCESS)
            continue;
        char text[96];
        struct attributes attributes;
        struct versioned_memory memory = {.version = MEMORY_V2};
        void *first = NULL, *second = NULL;
        struct gpm_request *request = calloc(1, sizeof *request + sizeof(struct gpm_metric));
        nvmlDeviceGetUUID(instance, text, sizeof text);
        nvmlDeviceGetName(instance, text, sizeof text);
        nvmlDeviceGetComputeInstanceId(instance, &id);
        nvmlDeviceGetAttributes_v2(instance, &attributes);
        nvmlDeviceGetMemoryInfo_v2(instance, &memory);
        nvmlDeviceGetGpuInstanceId(instance, &id);
        nvmlGpmSampleAlloc(&first);
        nvmlGpmSampleAlloc(&second);
        request->version = request->count = 1;
        request->first = first;
        request->second = second;
        request->metrics[0].id = METRIC_GRAPHICS_UTILIZATION;
        nvmlGpmMetricsGet(request);
        nvmlGpmMigSampleGet(gpu, id, first);
        nvmlGpmMigSampleGet(gpu, id, second);
        nvmlGpmMetricsGet(request);
        nvmlGpmSampleFree(first);
        nvmlGpmSampleFree(second);
        free(request);
    }
}

static void gpu(void *gpu)
{
    char text[96], tiny[4];
    unsigned number, other, third, fourth;
    unsigned long long large;
    struct pci_info pci;
    struct utilization rates;
    struct versioned_memory memory = {.version = MEMORY_V2};
    struct sample samples[100];
    struct field_value fields[3] = {{.id = 230}, {.id = 91}, {.id = 7}};
    struct process_info processes[16];
    struct process_sample shares[16];
    struct gpm_support support;
    struct memory older;
    struct temperature temperature = {.version = TEMPERATURE_V1};
    nvmlDeviceGetUUID(gpu, text, sizeof text);
    nvmlDeviceGetUUID(gpu, tiny, sizeof tiny);
    nvmlDeviceGetName(gpu, text, sizeof text);
    nvmlDeviceGetMinorNumber(gpu, &number);
    nvmlDeviceGetArchitecture(gpu, &number);
    nvmlDeviceGetPciInfo_v3(gpu, &pci);
    nvmlDeviceGetUtilizationRates(gpu, &rates);
    nvmlDeviceGetSamples(gpu, SAMPLES_GPU_UTILIZATION, 0, &other, &number, NULL);
    for (number = 0; number <= 100; number += 50) {
        unsigned room = number;
        nvmlDeviceGetSamples(gpu, SAMPLES_GPU_UTILIZATION, 0, &other, &room, samples);
    }
    nvmlDeviceGetMemoryInfo_v2(gpu, &memory);
    nvmlDeviceGetMemoryInfo(gpu, &older);
    nvmlDeviceGetTemperatureV(gpu, &temperature);
    nvmlDeviceGetCurrentClocksThrottleReasons(gpu, &large);
    nvmlDeviceGetTemperature(gpu, 0, &number);
    nvmlDeviceGetPowerUsage(gpu, &number);
    nvmlDeviceGetEnforcedPowerLimit(gpu, &number);
    nvmlDeviceGetTotalEnergyConsumption(gpu, &large);
    nvmlDeviceGetClockInfo(gpu, CLOCK_SM, &number);
    nvmlDeviceGetCurrentClocksEventReasons(gpu, &large);
    nvmlDeviceGetEccMode(gpu, &number, &other);
    nvmlDeviceGetTotalEccErrors(gpu, ERROR_UNCORRECTED, ECC_VOLATILE, &large);
    nvmlDeviceGetRemappedRows(gpu, &number, &other, &third, &fourth);
    nvmlDeviceGetFieldValues(gpu, 3, fields);
    nvmlDeviceGetNvLinkState(gpu, 17, &number);
    number = 0;
    nvmlDeviceGetComputeRunningProcesses_v3(gpu, &number, NULL);
    number = 16;
    nvmlDeviceGetComputeRunningProcesses_v3(gpu, &number, processes);
    number = 16;
    nvmlDeviceGetComputeRunningProcesses_v2(gpu, &number, processes);
    number = 16;
    nvmlDeviceGetProcessUtilization(gpu, shares, &number, 0);
    nvmlDeviceGetMigMode(gpu, &number, &other);
    nvmlGpmQueryDeviceSupport(gpu, &support);
    instances(gpu);
}

int main(void)
{
    char text[96];
    int version;
    unsigned count = 0;
    void *device = NULL, *events = NULL;
    struct event event;
    nvmlInitWithFlags(0);
    nvmlSystemGetDriverVersion(text, sizeof text);
    nvmlSystemGetCudaDriverVersion_v2(&version);
    nvmlSystemGetCudaDriverVersion(&version);
    nvmlDeviceGetCount_v2(&count);
    nvmlEventSetCreate(&events);
    for (unsigned index = 0; index < count; index++) {
        if (nvmlDeviceGetHandleByIndex_v2(index, &device) == SUCCESS) {
            nvmlDeviceRegisterEvents(device, EVENT_XID, events);
            gpu(device);
        }
    }
    nvmlDeviceGetHandleByIndex_v2(15, &device);
    nvmlDeviceGetHandleByIndex_v2(99, &device);
    nvmlEventSetWait_v2(events, &event, 10);
    nvmlEventSetFree(events);
    nvmlShutdown();
    printf("called %u GPUs\n", count);
    return 0;
}
