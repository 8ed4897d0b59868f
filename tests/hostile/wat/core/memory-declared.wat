;; roles: agent
;; Declares 40 MiB of memory, more than it may have.
(memory (export "memory") 640)
(func $misbehave)
