;; Writes past the end of its memory.
(func $misbehave (i32.store (i32.const -4) (i32.const 1)))
