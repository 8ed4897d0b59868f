;; Grows its memory whenever the host wants space for an argument.
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (loop $more
    (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
  unreachable)
(func $misbehave)
