;; Fills 24 MiB again and again: one instruction, milliseconds of work.
(func $misbehave
  ;; 24 MiB, within the limit.
  (drop (memory.grow (i32.const 384)))
  (loop $forever
    (memory.fill (i32.const 2097152) (i32.const 7) (i32.const 24000000))
    (br $forever)))
