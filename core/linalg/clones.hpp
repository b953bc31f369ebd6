// Loops over vectors are compiled for several generations of processors; the running one picks at load time.
#pragma once
#include <cstdlib>  // defines __GLIBC__

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) && \
    defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MANYSCALE_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MANYSCALE_VECTORISED
#endif

#if defined(__GNUC__)
#define MANYSCALE_ALWAYS_INLINE inline __attribute__((always_inline))
#define MANYSCALE_RESTRICT __restrict__
#else
#define MANYSCALE_ALWAYS_INLINE __forceinline
#define MANYSCALE_RESTRICT __restrict
#endif
