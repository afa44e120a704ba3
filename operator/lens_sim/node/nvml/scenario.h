/* What the simulated GPUs are like at which time. The file's lines are described in scenario.py, which
 * writes them; without a file there is one idle H100. */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stdbool.h>

#include "abi.h"

enum {
    MAX_GPUS = 16,
    MAX_INSTANCES = 8,
    MAX_PROCESSES = 16,
    MAX_FAULTS = 16,
    MAX_XIDS = 16,
    MAX_STEPS = 16,
    MAX_NAME = 96,
};

/* A value over time: steps (a time, and the value from then on), or a wave between two values. */
struct series {
    int steps;
    double times[MAX_STEPS], values[MAX_STEPS];
    double period; /* seconds; over 0 for a wave between values[0] and values[1] */
};

struct process {
    unsigned pid, gpu_instance, compute_instance;
    unsigned long long used_memory;
    struct series utilization;
};

struct instance {
    unsigned gpu_instance, compute_instance, slices;
    char profile[MAX_NAME], uuid[MAX_NAME];
    unsigned long long memory_mib, used_memory;
    struct series utilization;
};

/* A function that answers with an error, or late, from a time on. */
struct fault {
    char function[MAX_NAME];
    nvmlReturn_t code;
    double delay_seconds, from;
};

struct xid {
    double at;
    unsigned number, gpu_instance, compute_instance;
};

struct gpu {
    char uuid[MAX_NAME], name[MAX_NAME];
    unsigned minor, architecture;
    bool mig, ecc;
    double lost_from;
    struct series utilization, used_memory;
    unsigned long long ecc_volatile, ecc_aggregate;
    unsigned remapped[4]; /* correctable, uncorrectable, pending, failed */
    unsigned long long clock_events;
    bool clock_events_given;
    unsigned recovery_action;
    unsigned links, links_up;
    int instances, processes, faults, xids;
    struct instance instance[MAX_INSTANCES];
    struct process process[MAX_PROCESSES];
    struct fault fault[MAX_FAULTS];
    struct xid xid[MAX_XIDS];
};

struct scenario {
    double start; /* seconds since the epoch from which times count */
    bool slow;    /* whether calls take as long as on the H100 */
    char driver[MAX_NAME];
    int faults;
    struct fault fault[MAX_FAULTS]; /* of every function, or of those without a device */
    int gpus;
    struct gpu gpu[MAX_GPUS];
};

double series_at(const struct series *series, double time);
void scenario_default(struct scenario *scenario, double now);

/* Read a file. Return 0, or the number of the line that is wrong, with `problem` saying how. */
int scenario_read(struct scenario *scenario, const char *path, double now, char problem[160]);

#endif
