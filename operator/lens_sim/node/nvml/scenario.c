#include "scenario.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a line is read from, word by word. */
struct words {
    char *rest;
    char *problem;
};

static bool wrong(struct words *words, const char *what, const char *word)
{
    word = word ? word : "missing";
    snprintf(words->problem, 160, *word ? "%s: %.60s" : "%s", what, word);
    return false;
}

static char *next(struct words *words)
{
    return strtok_r(NULL, " \t\r\n", &words->rest);
}

static bool number(struct words *words, double *value)
{
    char *word = next(words), *end = word;
    if (word)
        *value = strtod(word, &end);
    return (word && end != word && !*end && isfinite(*value)) || wrong(words, "not a number", word);
}

static bool whole(struct words *words, unsigned long long *value)
{
    char *word = next(words), *end = word;
    errno = 0;
    if (word && *word != '-')
        *value = strtoull(word, &end, 0);
    return (word && end != word && !*end && !errno) || wrong(words, "not a whole number", word);
}

static bool small(struct words *words, unsigned *value)
{
    unsigned long long wide = 0;
    if (!whole(words, &wide))
        return false;
    *value = (unsigned)wide;
    return wide <= 0xffffffffu || wrong(words, "too large", "");
}

static bool text(struct words *words, char into[MAX_NAME])
{
    const char *word = next(words);
    if (!word || strlen(word) >= MAX_NAME)
        return wrong(words, "not a short word", word);
    strcpy(into, word);
    return true;
}

/* The rest of the line, for names with blanks in them. */
static bool phrase(struct words *words, char into[MAX_NAME])
{
    char *start = words->rest + strspn(words->rest, " \t");
    start[strcspn(start, "\r\n")] = 0;
    if (!*start || strlen(start) >= MAX_NAME)
        return wrong(words, "not a short name", start);
    strcpy(into, start);
    words->rest = start + strlen(start);
    return true;
}

/* "42", "0=10 5=90", or "wave 20 90 60". */
static bool series(struct words *words, struct series *series)
{
    *series = (struct series){0};
    char *word = next(words);
    if (word && !strcmp(word, "wave")) {
        series->steps = 2;
        return number(words, &series->values[0]) && number(words, &series->values[1]) &&
               number(words, &series->period) &&
               (series->period > 0 || wrong(words, "a wave's period is over 0", ""));
    }
    for (; word; word = next(words)) {
        char *equals = strchr(word, '='), *end = NULL;
        if (series->steps == MAX_STEPS || (!equals && series->steps))
            return wrong(words, "not a step", word);
        int step = series->steps++;
        if (equals) {
            series->times[step] = strtod(word, &end);
            if (end != equals)
                return wrong(words, "not a time", word);
            word = equals + 1;
        }
        series->values[step] = strtod(word, &end);
        if (end == word || *end || !isfinite(series->values[step]))
            return wrong(words, "not a value", word);
    }
    return series->steps || wrong(words, "no value", "");
}

static bool fault(struct words *words, struct fault *fault, bool late)
{
    *fault = (struct fault){0};
    double milliseconds = 0;
    unsigned code = 0;
    if (!text(words, fault->function) || (late ? !number(words, &milliseconds) : !small(words, &code)))
        return false;
    fault->code = (nvmlReturn_t)code;
    fault->delay_seconds = milliseconds / 1000;
    return number(words, &fault->from);
}

static bool instance(struct words *words, struct instance *instance)
{
    return small(words, &instance->gpu_instance) && small(words, &instance->compute_instance) &&
           text(words, instance->profile) && text(words, instance->uuid) &&
           small(words, &instance->slices) && whole(words, &instance->memory_mib) &&
           whole(words, &instance->used_memory) && series(words, &instance->utilization);
}

static bool process(struct words *words, struct process *process)
{
    return small(words, &process->pid) && whole(words, &process->used_memory) &&
           small(words, &process->gpu_instance) && small(words, &process->compute_instance) &&
           series(words, &process->utilization);
}

static bool xid(struct words *words, struct xid *xid)
{
    return number(words, &xid->at) && small(words, &xid->number) && small(words, &xid->gpu_instance) &&
           small(words, &xid->compute_instance);
}

static bool flag(struct words *words, bool *value)
{
    unsigned number = 0;
    if (!small(words, &number))
        return false;
    *value = number != 0;
    return true;
}

static bool room(struct words *words, int have, int most, const char *what)
{
    return have < most || wrong(words, "too many", what);
}

static bool gpu_line(struct words *words, struct gpu *gpu, const char *key)
{
    if (!strcmp(key, "uuid"))
        return text(words, gpu->uuid);
    if (!strcmp(key, "name"))
        return phrase(words, gpu->name);
    if (!strcmp(key, "minor"))
        return small(words, &gpu->minor);
    if (!strcmp(key, "architecture"))
        return small(words, &gpu->architecture);
    if (!strcmp(key, "mig"))
        return flag(words, &gpu->mig);
    if (!strcmp(key, "utilization"))
        return series(words, &gpu->utilization);
    if (!strcmp(key, "memory"))
        return series(words, &gpu->used_memory);
    if (!strcmp(key, "ecc"))
        return whole(words, &gpu->ecc_volatile) && whole(words, &gpu->ecc_aggregate);
    if (!strcmp(key, "rows"))
        return small(words, &gpu->remapped[0]) && small(words, &gpu->remapped[1]) &&
               small(words, &gpu->remapped[2]) && small(words, &gpu->remapped[3]);
    if (!strcmp(key, "clocks")) {
        gpu->clock_events_given = true;
        return whole(words, &gpu->clock_events);
    }
    if (!strcmp(key, "recovery"))
        return small(words, &gpu->recovery_action);
    if (!strcmp(key, "nvlinks"))
        return small(words, &gpu->links) && small(words, &gpu->links_up);
    if (!strcmp(key, "lost"))
        return number(words, &gpu->lost_from);
    if (!strcmp(key, "instance"))
        return room(words, gpu->instances, MAX_INSTANCES, key) &&
               instance(words, &gpu->instance[gpu->instances++]);
    if (!strcmp(key, "process"))
        return room(words, gpu->processes, MAX_PROCESSES, key) &&
               process(words, &gpu->process[gpu->processes++]);
    if (!strcmp(key, "xid"))
        return room(words, gpu->xids, MAX_XIDS, key) && xid(words, &gpu->xid[gpu->xids++]);
    if (!strcmp(key, "error") || !strcmp(key, "slow"))
        return room(words, gpu->faults, MAX_FAULTS, key) &&
               fault(words, &gpu->fault[gpu->faults++], *key == 's');
    return wrong(words, "unknown key of a GPU", key);
}

static void gpu_default(struct gpu *gpu, int index)
{
    *gpu = (struct gpu){.minor = (unsigned)index, .architecture = ARCHITECTURE_HOPPER, .ecc = true};
    snprintf(gpu->uuid, MAX_NAME, "GPU-00000000-0000-0000-0000-%012d", index + 1);
    strcpy(gpu->name, "NVIDIA H100 80GB HBM3");
    gpu->lost_from = INFINITY;
    gpu->utilization.steps = gpu->used_memory.steps = 1;
}

static bool line(struct words *words, struct scenario *scenario, const char *key)
{
    unsigned index = 0;
    if (!strcmp(key, "start"))
        return number(words, &scenario->start);
    if (!strcmp(key, "latency"))
        return flag(words, &scenario->slow);
    if (!strcmp(key, "driver"))
        return text(words, scenario->driver);
    if (!strcmp(key, "error") || !strcmp(key, "slow"))
        return room(words, scenario->faults, MAX_FAULTS, key) &&
               fault(words, &scenario->fault[scenario->faults++], *key == 's');
    if (!strcmp(key, "gpus")) {
        if (!small(words, &index))
            return false;
        scenario->gpus = (int)index;
        return index <= MAX_GPUS || wrong(words, "at most 16 GPUs", "");
    }
    if (strcmp(key, "gpu") != 0)
        return wrong(words, "unknown key", key);
    if (!small(words, &index))
        return false;
    if (index >= (unsigned)scenario->gpus)
        return wrong(words, "no such GPU", "");
    char *attribute = next(words);
    return attribute ? gpu_line(words, &scenario->gpu[index], attribute) : wrong(words, "no key", "");
}

void scenario_default(struct scenario *scenario, double now)
{
    memset(scenario, 0, sizeof *scenario);
    scenario->start = now;
    scenario->slow = true;
    strcpy(scenario->driver, "580.159.04");
    scenario->gpus = 1;
    for (int index = 0; index < MAX_GPUS; index++)
        gpu_default(&scenario->gpu[index], index);
}

int scenario_read(struct scenario *scenario, const char *path, double now, char problem[160])
{
    char buffer[2048];
    int count = 0;
    bool right = true;
    scenario_default(scenario, now);
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(problem, 160, "can't be opened: %.100s", strerror(errno));
        return 1;
    }
    while (right && fgets(buffer, sizeof buffer, file)) {
        count++;
        struct words words = {.problem = problem};
        char *key = strtok_r(buffer, " \t\r\n", &words.rest);
        if (key && *key != '#') {
            right = line(&words, scenario, key);
            char *more = right ? next(&words) : NULL;
            if (more)
                right = wrong(&words, "more than expected", more);
        }
    }
    fclose(file);
    return right ? 0 : count;
}

double series_at(const struct series *series, double time)
{
    if (series->period > 0) {
        double turn = (1 - cos(2 * M_PI * time / series->period)) / 2;
        return series->values[0] + (series->values[1] - series->values[0]) * turn;
    }
    double value = series->values[0];
    for (int step = 0; step < series->steps; step++)
        if (series->times[step] <= time)
            value = series->values[step];
    return value;
}
