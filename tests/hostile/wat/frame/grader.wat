;; What every grader of this folder's neighbour `core` is made of: the canonical
;; ABI of `lancet:plugin/grading@0.1.0`, an allocator, and an ordinary verdict
;; (fail, `ordinary`) for tasks whose id does not contain `evil`. For the others
;; it calls `$misbehave`.
(module
  ;;BODY;;
  ;;MEMORY;;
  ;;REALLOC;;
  ;;SEARCH;;
  (data (i32.const 80) "ordinary")

  (func (export "lancet:plugin/grading@0.1.0#grade")
    (param $id i32) (param $id-len i32) (param $kind i32)
    (param $title i32) (param $title-len i32) (param $statement i32) (param $statement-len i32)
    (param $price i64) (param $proposals i32) (param $proposals-len i32)
    (result i32)
    (if (call $is-evil (local.get $id) (local.get $id-len))
      (then
        (call $misbehave)
        (if (global.get $forged) (then (return (global.get $result))))))
    (call $verdict (i32.const 1) (i32.const 80) (i32.const 8) (i32.const 0))
    (i32.const 32))

  ;; Writes ok(verdict) to 32, without checks and explanation.
  (func $verdict (param $outcome i32) (param $reason i32) (param $reason-len i32) (param $score i32)
    (i32.store8 (i32.const 32) (i32.const 0))
    (i32.store8 (i32.const 36) (local.get $outcome))
    (i32.store (i32.const 40) (local.get $reason))
    (i32.store (i32.const 44) (local.get $reason-len))
    (i32.store16 (i32.const 48) (local.get $score))
    (i32.store (i32.const 52) (i32.const 4))
    (i32.store (i32.const 56) (i32.const 0))
    (i32.store (i32.const 60) (i32.const 4))
    (i32.store (i32.const 64) (i32.const 0))))
