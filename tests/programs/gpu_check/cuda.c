/* A CUDA driver whose kernels do nothing for a while. The first launch runs the command that
 * FAKE_CUDA_LAUNCHED has, so that the other stand-ins show a load from then on. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { SUCCESS, INVALID_VALUE, INVALID_IMAGE = 200, NOT_FOUND = 500 };

EXPORT int cuInit(unsigned flags)
{
    return flags ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuDeviceGet(int *device, int ordinal)
{
    *device = ordinal;
    return getenv("CUDA_VISIBLE_DEVICES") ? SUCCESS : INVALID_VALUE;
}

EXPORT int cuDevicePrimaryCtxRetain(void **context, int device)
{
    static int contexts[1];
    *context = &contexts[device];
    return SUCCESS;
}

EXPORT int cuCtxSetCurrent(void *context)
{
    return context ? SUCCESS : INVALID_VALUE;
}

EXPORT int cuMemAlloc_v2(unsigned long long *memory, size_t size)
{
    *memory = size;
    return SUCCESS;
}

EXPORT int cuModuleLoadData(void **module, const void *image)
{
    *module = (void *)image;
    return strstr(image, ".visible .entry spin(") ? SUCCESS : INVALID_IMAGE;
}

EXPORT int cuModuleGetFunction(void **function, void *module, const char *name)
{
    *function = module;
    return strcmp(name, "spin") ? NOT_FOUND : SUCCESS;
}

EXPORT int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream,
                          void **parameters, void **extra)
{
    static int launched;
    const char *command = getenv("FAKE_CUDA_LAUNCHED");
    unsigned long long nanoseconds = *(unsigned long long *)parameters[0];
    if (!function || grid_x * grid_y * grid_z == 0 || block_x * block_y * block_z > 1024 || shared_bytes ||
        stream || extra || nanoseconds != 100000000)
        return INVALID_VALUE;
    if (!launched++ && command && system(command))
        return INVALID_VALUE;
    return SUCCESS;
}

EXPORT int cuCtxSynchronize(void)
{
    usleep(100000);
    return SUCCESS;
}

EXPORT int cuGetErrorName(int code, const char **name)
{
    *name = code == INVALID_IMAGE ? "CUDA_ERROR_INVALID_IMAGE" : "CUDA_ERROR_INVALID_VALUE";
    return SUCCESS;
}
