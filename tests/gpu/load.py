"""Keep one GPU busy until told to end, with the driver's own libcuda and no CUDA toolkit.

A kernel that spins a tenth of a second is launched again and again, so what is left when this process is
ended is over at once. CUDA_VISIBLE_DEVICES picks the GPU. Prints a ready line once the first kernel is done.

Source: https://docs.nvidia.com/cuda/cuda-driver-api and https://docs.nvidia.com/cuda/parallel-thread-execution
"""

import ctypes
import json
import sys

KERNEL_NANOSECONDS = 100_000_000
BLOCKS, THREADS = 512, 256
MEMORY_BYTES = 512 * 2**20
"""Held so that memory in use shows it."""

PTX = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry spin(.param .u64 nanoseconds)
{
    .reg .u64 %length, %began, %now, %passed;
    .reg .pred %early;
    ld.param.u64 %length, [nanoseconds];
    mov.u64 %began, %globaltimer;
AGAIN:
    mov.u64 %now, %globaltimer;
    sub.u64 %passed, %now, %began;
    setp.lt.u64 %early, %passed, %length;
    @%early bra AGAIN;
    ret;
}
"""


class CudaError(Exception):
    """A call of the CUDA driver failed; the message has its name and the error's."""


class Cuda:
    """The calls that are needed of the CUDA driver."""

    def __init__(self) -> None:
        """Load it. Raise CudaError."""
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError(str(error)) from error

    def call(self, function: str, *arguments: object) -> None:
        """Call a function. Raise CudaError unless it returns CUDA_SUCCESS."""
        code = getattr(self._library, function)(*arguments)
        if code:
            name = ctypes.c_char_p()
            self._library.cuGetErrorName(code, ctypes.byref(name))
            raise CudaError(f"{function}: {(name.value or b'error %d' % code).decode()}")


def main() -> None:
    """Spin until ended."""
    cuda = Cuda()
    device = ctypes.c_int()
    context, module, kernel = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    memory, length = ctypes.c_uint64(), ctypes.c_uint64(KERNEL_NANOSECONDS)
    cuda.call("cuInit", 0)
    cuda.call("cuDeviceGet", ctypes.byref(device), 0)
    cuda.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    cuda.call("cuCtxSetCurrent", context)
    cuda.call("cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(MEMORY_BYTES))
    cuda.call("cuModuleLoadData", ctypes.byref(module), PTX)
    cuda.call("cuModuleGetFunction", ctypes.byref(kernel), module, b"spin")
    parameters = (ctypes.c_void_p * 1)(ctypes.addressof(length))
    told = False
    while True:
        cuda.call("cuLaunchKernel", kernel, BLOCKS, 1, 1, THREADS, 1, 1, 0, None, parameters, None)
        cuda.call("cuCtxSynchronize")
        if not told:
            print(json.dumps({"event": "ready"}), flush=True)
            told = True


if __name__ == "__main__":
    try:
        main()
    except CudaError as error:
        sys.exit(str(error))
