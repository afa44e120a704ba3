/* What a program that loads libnvidia-ml.so.1 expects of it: types, numbers and struct layouts of NVML's
 * binary interface, down to what Lens's agent uses. Checked against pynvml's own layouts by the tests. */
#ifndef ABI_H
#define ABI_H

#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

typedef int nvmlReturn_t;

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10,
    GPU_IS_LOST = 15,
    ARGUMENT_VERSION_MISMATCH = 25,
};

enum {
    VALUE_UNSIGNED_INT = 1,
    SAMPLES_GPU_UTILIZATION = 1,
    CLOCK_SM = 1,
    CLOCK_MEMORY = 2,
    ERROR_UNCORRECTED = 1,
    ECC_VOLATILE = 0,
    FIELD_NVLINK_COUNT = 91,
    FIELD_RECOVERY_ACTION = 230,
    METRIC_GRAPHICS_UTILIZATION = 1,
    ARCHITECTURE_HOPPER = 9,
    NO_INSTANCE = 0xffffffffu,
};

#define EVENT_XID 8ull
#define EVENTS_SUPPORTED 65439ull

struct versioned_memory {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

struct memory {
    unsigned long long total, free, used;
};

struct temperature {
    unsigned version, sensor;
    int celsius;
};

struct pci_info {
    char legacy_bus_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};

struct utilization {
    unsigned gpu, memory;
};

union value {
    double as_double;
    unsigned as_unsigned;
    unsigned long long as_long;
};

struct sample {
    unsigned long long timestamp; /* microseconds since the epoch */
    union value value;
};

struct field_value {
    unsigned id, scope;
    long long timestamp, latency;
    unsigned type;
    nvmlReturn_t code;
    union value value;
};

struct process_info {
    unsigned pid;
    unsigned long long used_memory;
    unsigned gpu_instance, compute_instance;
};

struct process_sample {
    unsigned pid;
    unsigned long long timestamp;
    unsigned sm, memory, encoder, decoder;
};

struct attributes {
    unsigned multiprocessors, copy_engines, decoders, encoders, jpegs, ofas, gpu_slices, compute_slices;
    unsigned long long memory_mib;
};

struct event {
    void *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
};

struct gpm_support {
    unsigned version, supported;
};

struct gpm_metric {
    unsigned id;
    nvmlReturn_t code;
    double value;
    const char *short_name, *long_name, *unit;
};

struct gpm_request {
    unsigned version, count;
    void *first, *second;
    struct gpm_metric metrics[];
};

#define MEMORY_V2 (unsigned)(sizeof(struct versioned_memory) | 2u << 24)
#define TEMPERATURE_V1 (unsigned)(sizeof(struct temperature) | 1u << 24)

_Static_assert(sizeof(struct versioned_memory) == 40, "nvmlMemory_v2_t");
_Static_assert(sizeof(struct memory) == 24, "nvmlMemory_t");
_Static_assert(sizeof(struct temperature) == 12, "nvmlTemperature_v1_t");
_Static_assert(sizeof(struct pci_info) == 68, "nvmlPciInfo_t");
_Static_assert(sizeof(struct sample) == 16, "nvmlSample_t");
_Static_assert(sizeof(struct field_value) == 40, "nvmlFieldValue_t");
_Static_assert(sizeof(struct process_info) == 24, "nvmlProcessInfo_t");
_Static_assert(sizeof(struct process_sample) == 32, "nvmlProcessUtilizationSample_t");
_Static_assert(sizeof(struct attributes) == 40, "nvmlDeviceAttributes_t");
_Static_assert(sizeof(struct event) == 32, "nvmlEventData_t");
_Static_assert(sizeof(struct gpm_metric) == 40, "nvmlGpmMetric_t");
_Static_assert(sizeof(struct gpm_request) == 24, "nvmlGpmMetricsGet_t");

#endif
