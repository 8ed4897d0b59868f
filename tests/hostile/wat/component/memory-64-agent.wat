;; Carries a memory with 64-bit addresses, a feature that is off.
(component (core module (memory i64 1)))
