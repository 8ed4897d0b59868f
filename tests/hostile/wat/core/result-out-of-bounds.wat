;; Returns an address at the very end of the address space.
(func $misbehave (call $forge (i32.const -16)))
