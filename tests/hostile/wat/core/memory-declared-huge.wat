;; roles: agent
;; Declares 4 GiB of memory, more than any plugin may have.
(memory (export "memory") 65536)
(func $misbehave)
