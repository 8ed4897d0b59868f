  ;; Up to 1024 the frame's, then the case's up to 65536, then the allocator's.
  (memory (export "memory") 40)
