  (global $next (mut i32) (i32.const 65536))
  ;; Set by a case that returns something else than the frame's answer.
  (global $forged (mut i32) (i32.const 0))
  (global $result (mut i32) (i32.const 0))

  (func $forge (param $at i32)
    (global.set $forged (i32.const 1))
    (global.set $result (local.get $at)))

  ;; Whether the text contains `evil`.
  (func $is-evil (param $at i32) (param $len i32) (result i32)
    (block $none
      (loop $next-byte
        (br_if $none (i32.lt_u (local.get $len) (i32.const 4)))
        (if (i32.eq (i32.load align=1 (local.get $at)) (i32.const 0x6c697665)) (then (return (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $next-byte)))
    (i32.const 0))
