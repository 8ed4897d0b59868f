;; roles: grader
;; Judges by the bits of a number that is none, which processors choose freely.
(func $misbehave
  (local $bits i64)
  (local.set $bits
    (i64.reinterpret_f64
      (f64.add
        (f64.div (f64.load (i32.const 2048)) (f64.load (i32.const 2048)))
        (f64.sqrt (f64.sub (f64.load (i32.const 2048)) (f64.const 1))))))
  ;; As a score: the sign and the bits that a canonical one does not have.
  (call $verdict (i32.const 1) (i32.const 80) (i32.const 8)
    (i32.add
      (i32.wrap_i64 (i64.and (i64.shr_u (local.get $bits) (i64.const 63)) (i64.const 1)))
      (i32.wrap_i64 (i64.and (local.get $bits) (i64.const 0x1ff)))))
  (call $forge (i32.const 32)))
