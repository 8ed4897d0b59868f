;; roles: agent
;; Gives the host the same space for everything: it spoils its own arguments.
(memory (export "memory") 64)
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
(func $misbehave)
