# An agent in ten lines: its prompt on standard input, its context and the outputs of what came
# before in its working directory, its report on standard output.
prompt=$(cat)
{
  echo "$prompt"
  cat inputs/greet* inputs/measure*
  cat notes/*
} >"$1"
echo '{"type": "result", "is_error": false, "result": "told", "total_cost_usd": 0.002}'
